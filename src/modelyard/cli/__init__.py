"""The command line. A command is a file, and a line in `main.py`.

Commands ask a server through `client/`, print for people, and print JSON with `--json`. What a command writes goes
through `output.py`."""
