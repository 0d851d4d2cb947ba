"""The APIs of other vendors, translated to chat completions and back: each dialect is an ASGI app mounted at its paths.

A dialect sends chat completions through the in-process sender, so every engine, adapter, external server and knowledge base
speaks it, with the same keys, limits and counts. Translations are pure functions; a stream is translated by one state machine.
What becomes of each field is a table (`features.py` of each dialect) that the translators read and that the documentation shows.
"""
