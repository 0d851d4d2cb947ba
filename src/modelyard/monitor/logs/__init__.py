"""Logs of the whole server in one view: what replicas and jobs print, and what the server itself writes.

`service.py` is what routes call. `sources.py` says which logs a caller may see, `lines.py` reads time and level of a line,
`reading.py` finds the newest lines of many files, and `following.py` reads on in them. `server_log.py` keeps what
the server itself writes.
"""
