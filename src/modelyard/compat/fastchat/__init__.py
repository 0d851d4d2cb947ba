"""The interface of FastChat's controller and workers."""
