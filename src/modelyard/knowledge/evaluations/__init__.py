"""Evaluation sets of a base: questions with what answers them (`sets.py`), read from and written to files (`exchange.py`), and
the runs that measure search settings with them (`runs.py`)."""
