"""Knowledge bases: stores documents, searches their chunks, and answers questions with citations.

`service.py` is the interface of the package. Its four subpackages import only downwards: `answering` lets a model answer from
what `search` finds; `search` reads the stores that `indexing` writes; `indexing` creates chunks, vectors and stores from the
documents of `documents`. `types.py` has their common types, `models.py` their access to models. The rows of the
database are authoritative; stores can be rebuilt from them.
"""
