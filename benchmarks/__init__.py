"""Measurements of the parts that must be fast. Each module runs as `python -m benchmarks.<name>` and writes JSON."""
