"""Stored responses and conversations: what makes `/v1/responses` stateful.

`items.py` gives items the form in which they are stored; `threads.py` has the lists of items that responses and conversations
share; `store.py` keeps responses, `conversations.py` conversations; `deletion.py` and `quotas.py` delete what is over. Which
model answers, and how an API translates items, is not known here.
"""
