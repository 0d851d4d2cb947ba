"""The web page: static files, and the ASGI app that serves them."""
