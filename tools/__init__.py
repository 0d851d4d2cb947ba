# Owns nothing: makes `python -m tools.…` work from the repository root.
