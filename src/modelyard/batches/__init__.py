"""Batches: many requests to models in one file, answered in the background: `/v1/batches`.

`service.py` creates, lists and cancels batches; each is a job of the kind `batch`. `work.py` carries one out: `input_check.py`
and `lines.py` check its input, `model_requests.py` sends its requests through the gateway, `pace.py` decides how many at a
time, and `recorder.py` and `journal.py` keep the answers until files are made of them. `types.py` says what the server
provides, `rows.py` has the queries."""
