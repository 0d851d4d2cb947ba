"""Routes that exist for Xinference's clients only."""
