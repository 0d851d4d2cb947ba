"""What should be running, and the loop that makes it so.

- `deployments.py` checks everything that can be checked before a process exists, writes a row, commits, and nudges
  the loop.
- `reconcile.py` is the loop. It is the only caller of `Host.start` and `Host.stop`, and the only writer of what is
  observed.
- `diff.py` decides what to do. It is pure: no clock, no database, no process.
- `placement.py` says where a replica's memory comes from, or why there is not enough.

Rows hold what is wanted; what is observed lives in memory, and only transitions are written, as events.
"""
