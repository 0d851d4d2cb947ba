"""The command line. A command is a file, and a line in `main.py`.

Commands send requests with `client/`, and print tables for people, or JSON with `--json`. All output is written by
`output.py`."""
