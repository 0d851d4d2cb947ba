"""A load generator for OpenAI-compatible servers, for `modelyard bench serve`."""
