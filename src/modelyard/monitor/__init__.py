"""What a server has done, for people and programs that watch it: series of figures in memory.

`service.py` joins the parts. `series.py` takes the gateway's tallies and the machine's loads once a second and writes them into two rings (`ring.py`), which
`reading.py` turns into the answer of `GET /v1/metrics/series`. Nothing here is on the path of a request.
"""
