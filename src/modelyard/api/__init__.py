"""Management HTTP, and the composition root, which creates, connects and closes the parts of a server.

`app.py` creates the parts; `server.py` is the process. A request first passes the check of pages from other sites
(`foreign_pages.py`). Inference paths then go to the gateway; other paths go through the checks of key and body size
to a FastAPI route.

To add a management route, write a handler with its scope in `routes/<noun>.py`, its bodies in `protocol/`, and a call
in `client/`."""
