"""Answers to messages of chats, which the server makes to the end as generations.

`service.py` checks a request, adds its messages and begins the generation; `question.py` is such a request as a value, `turns.py`
reads a branch of a chat. `modes.py` makes the events of each mode, `file_bases.py` indexes the files of the mode `files`.
`folding.py` makes the message of the events, and `settling.py` stores it, also after a kill of the server."""
