"""The small replica server for engines whose library has no server of its own.

It runs inside the process that holds the weights, and imports neither a web framework nor a database. `app.py` is the
HTTP server, `batching.py` the continuous batching of generation, `encoding.py` the batching of embeddings and rerank."""
