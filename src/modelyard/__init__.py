"""Modelyard: launch, serve, tune and question models behind one OpenAI-compatible door."""

__version__ = "0.1.0"
