"""Searches by words and vectors, and measures of search quality by judged questions."""
