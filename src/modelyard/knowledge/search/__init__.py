"""Searches by words and vectors, and measures of how well they find what people judged to be relevant."""
