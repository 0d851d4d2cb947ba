"""What can be run: model families as data, hubs, and what model files say of themselves.

A family is a JSON file in `families/<type>/`. Names, sizes, formats and sources stand there and nowhere in code.
`resolve.py` picks a variant; `find.py` reads a folder or a file that no family knows. Hub libraries run in child
processes (`hubs/__main__.py`), which print lines of JSON and may be killed at any moment.

To add a family, add one JSON file. To add a hub, add one file in `hubs/` and its line in the registry.
"""
