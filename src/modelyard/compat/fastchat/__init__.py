"""FastChat's controller and workers."""
