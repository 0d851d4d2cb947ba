"""Answers from search results: prompts, citations, and summaries of documents."""
