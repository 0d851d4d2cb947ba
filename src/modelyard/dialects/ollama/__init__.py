"""Ollama's API: `/api/chat`, `/api/generate`, `/api/embed`, `/api/tags`, `/api/show` and `/api/ps`, on every model and base."""
