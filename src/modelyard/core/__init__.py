"""What all packages share: types, errors, settings, access control, names. It imports no other package of ours.

- `types.py` has the frozen data that packages exchange: `Launch`, `Replica`, `Route`, `Command`, `Hardware`.
- `errors` is one tree. Each error class composes its message, and has a stable code and an HTTP status; `protocol/errors.py`
  renders all of them.
- `config.py` is the only file that reads `MODELYARD_*` variables. The docstring of a setting is its manual.
- `registry.py` registers implementations under a name: by an import string, or by an entry point of another
  package.

To add a setting, write a field with its docstring in `config.py` and run `make docs`.
"""
