"""Generations: answers that the server makes to the end, whether or not their client stays.

`service.py` begins and stops generations, and lets any number of readers follow their numbered events and join again after any
of them. What a generation does is a coroutine of the package that begins it; this package knows nothing of models or chats.
`records.py` is one generation in memory, `storage.py` its file, and `appending.py` the thread that writes all files."""
