"""Child processes, GPUs, health and logs. It starts what it is told to start and knows no model.

Every process runs under `shim.py`, which uses the standard library only and ends the process and all its descendants
when the server is gone, however it died. `base.py` has the interface `Host`; `local.py` is this machine."""
