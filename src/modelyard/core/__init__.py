"""The vocabulary that every other package shares: types, errors, settings, access, names. It imports nothing of ours.

- `types.py` has the frozen data that travels between packages: `Launch`, `Replica`, `Route`, `Command`, `Hardware`.
- `errors` is one tree. Each error builds its own sentence, has a stable code and an HTTP status, and is rendered in
  one place, `protocol/errors.py`.
- `config.py` is the only file that reads `MODELYARD_*` variables. The docstring of a setting is its manual.
- `registry.py` is the one way to register an implementation: a name, an import string, and an entry point for other
  packages.

To add a setting, write a field with its docstring in `config.py` and run `make docs`.
"""
