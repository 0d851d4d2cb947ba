"""What `modelyard connect` knows about other programs: their configuration, where it is stored, and what they need of a model."""
