"""From a stored document to what searches find: jobs and their worker, embedding, rows of chunks, stores.

A job has one task for each document. The worker takes a batch of small tasks from the queue; the pipeline reads, cuts
and embeds their documents and commits them in one transaction; the index change that results is applied to the store
of the base. A crash loses the batch that was under way and nothing else. To add a store, write a `Store` that passes
`stores/contract.py`, and register it in `stores/__init__.py` or as an entry point of the group `modelyard.stores`.
"""
