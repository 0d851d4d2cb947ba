"""Modelyard: launch, serve, tune and question models behind one OpenAI-compatible API."""

__version__ = "0.1.0"
