"""Work that takes long: downloads, indexing, installs, and whatever comes next.

A job is one row: kind, state, progress, owner, error. `GET /v1/jobs` lists them, and each has numbered events and a
log."""
