"""What clients can see: request structs, bodies of the management routes, the error envelope.

A body of inference is a msgspec struct, because it is decoded on the hot path; a body of a management route is a
pydantic model, because FastAPI documents it. Either way there is one definition that decodes, encodes and documents.

`plain.py` recognises by one decode the bodies that every engine takes as they are; all others are checked and brought
into one form by `checks.py` and `messages.py`, so that engines differ in nothing they forgive."""
