"""Knowledge bases: documents in, cited answers out. Begin with `types.py`, then `ingest.py`, `search.py`, `answer.py`."""
