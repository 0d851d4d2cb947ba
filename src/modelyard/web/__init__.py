"""What HTTP routes share: dependencies on the server's parts, the caller's rights, views, and event streams.

It is below `api/` and `compat/`, so that our own routes and those of other systems share this code.
"""
