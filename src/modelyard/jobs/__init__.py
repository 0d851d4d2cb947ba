"""Long work, such as downloads, indexing, installs and imports.

A job is one row: kind, state, progress, owner, error. `GET /v1/jobs` lists jobs; each has numbered events and a log.
"""
