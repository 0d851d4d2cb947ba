"""Decides which models should run, and runs the loop that starts and stops their replicas.

- `deployments.py` checks everything that can be checked before a process exists, writes a row, commits, and wakes
  the loop.
- `reconcile.py` is the loop. It is the only caller of `Host.start` and `Host.stop`, and the only writer of the
  observed state.
- `diff.py` decides which actions to take. It is pure: no clock, no database, no process.
- `placement.py` decides which devices provide a replica's memory, or why there is not enough.

Rows hold the desired state. The observed state is kept in memory; only its changes are written, as events."""
