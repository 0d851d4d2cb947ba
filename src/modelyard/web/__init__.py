"""What HTTP routes share: the parts of a server that they may ask for, who is asking, views, event streams.

It is below `api/` and `compat/`, so that routes of our own and routes of other systems use the same means.
"""
