"""Knowledge bases: documents in, chunks that searches find, answers with citations out.

`service.py` is the front. The four packages below it import downwards only: `answering` asks a model from what
`search` finds; `search` reads the stores that `indexing` writes; `indexing` makes chunks, vectors and stores of what
`documents` keeps. `types.py` has the types that they share, `models.py` the models that they ask. Rows of the
database are the truth; stores can be made again from them.
"""
