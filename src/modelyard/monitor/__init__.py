"""What a server has done, for people and programs that watch it: figures over time, the newest requests, usage by day.

`service.py` joins the parts. `series.py` takes the gateway's tallies and the machine's loads once a second and writes them into
two rings (`ring.py`), which `reading.py` turns into the answer of `GET /v1/metrics/series`. `requests.py` keeps the newest
requests in memory, and `usage.py` adds them up in rows. Nothing here is on the path of a request.
"""
