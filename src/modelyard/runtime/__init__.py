"""Child processes, GPUs, health checks and logs. It starts the processes that it is given, and knows nothing about models.

Every process runs under `shim.py`, which uses the standard library only and ends the process and all its descendants
when the server is gone, for whatever reason. `base.py` has the interface `Host`; `local.py` implements it for this machine."""
