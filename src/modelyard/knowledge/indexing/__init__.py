"""Turns stored documents into what searches find: jobs and their worker, embeddings, rows of chunks, stores.

A job has one task for each document. The worker takes a batch of small tasks from the queue; the pipeline reads, splits
and embeds their documents and commits them in one transaction; the resulting index change is applied to the store
of the base. A crash loses only the current batch, which is repeated. To add a store, write a `Store` that passes
`stores/contract.py`, and register it in `stores/__init__.py` or as an entry point of the group `modelyard.stores`.
"""
