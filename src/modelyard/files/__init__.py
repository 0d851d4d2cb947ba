"""Files that callers store on the server: `/v1/files`, and `/v1/uploads` for files that arrive in parts.

`service.py` stores, lists, reads and deletes the files of owners; other packages read their input and store their output with it.
`uploads.py` collects parts and makes a file of them. `arrivals.py` brings bytes into the store and takes them out again,
`stores.py` is that store, a folder or a URL of fsspec. `sweeps.py` deletes what has expired. `rows.py` has the queries that both
services share, and `lines.py` checks JSON Lines."""
