"""A load generator for OpenAI-compatible servers: what `modelyard bench serve` is made of."""
