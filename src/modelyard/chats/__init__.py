"""Chats that are kept, and agents that answer with tools. Begin with `service.py`, then `agent.py`."""
