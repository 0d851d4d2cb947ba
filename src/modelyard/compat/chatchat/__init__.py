"""The routes of Langchain-Chatchat 0.2.10 and of FastChat's controller, answered by the parts of this server."""

from __future__ import annotations
