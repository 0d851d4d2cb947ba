"""The models that can be run: families as data, hubs, and descriptions read from model files.

A family is a JSON file in `families/<type>/`. Names, sizes, formats and sources are in these files only, never in code.
`resolve.py` picks a variant; `find.py` describes a folder or a file that belongs to no family. Hub libraries run in child
processes (`hubs/__main__.py`), which print lines of JSON and may be killed at any moment.

To add a family, add one JSON file. To add a hub, add one file in `hubs/` and its line in the registry.
"""
