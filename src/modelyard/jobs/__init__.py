"""Jobs: long work such as downloads, indexing, installations and imports.

Each job is a row with kind, state, progress, owner and error. `GET /v1/jobs` lists jobs; each has numbered events and a log."""
