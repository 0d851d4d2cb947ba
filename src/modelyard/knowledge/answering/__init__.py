"""Answers from what searches find: prompts, citations, and summaries of documents."""
