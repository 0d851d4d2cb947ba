"""Management HTTP, and the composition root: it makes every part of a server, joins them, and takes them apart again.

`app.py` makes the parts; `server.py` is the process. A request passes the check of pages from other sites
(`foreign_pages.py`), then goes to the gateway if its path is one of inference, else through the check of keys and the
limits of bodies to a route of FastAPI.

To add a management route, write a handler with its scope in `routes/<noun>.py`, its bodies in `protocol/`, and a call
in `client/`."""
