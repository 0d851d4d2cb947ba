"""Pulls and deletes a model of a running server through the official `ollama` client, and prints lines of JSON.

Runs in the environment `dialects` of `tests/client_environments.py`. Arguments: the server's address, and the model.
"""

from __future__ import annotations

import sys

from ollama import Client
from ollama_client import failure, show  # type: ignore[import-not-found]


def main() -> None:
    client, model = Client(host=sys.argv[1]), sys.argv[2]
    show("pull", [each.model_dump(mode="json") for each in client.pull(model, stream=True)])
    show("again", client.pull(model))
    listed = [each.model for each in client.list().models]
    show("listed", listed)
    show("deleted", client.delete(str(listed[0])).status)
    show("after", [each.model for each in client.list().models])
    failure("delete again", lambda: client.delete(model))
    failure("push", lambda: client.push(model))


if __name__ == "__main__":
    main()
