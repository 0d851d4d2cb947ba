"""The small replica server for engines that bring none: HTTP, routes, and the batching that feeds the model.

It runs inside the process that holds the weights, and imports neither a web framework nor a database. `app.py` is the
HTTP, `batching.py` the continuous batching of generation, `encoding.py` the batching of embeddings and rerank."""
