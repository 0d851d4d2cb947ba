"""The interfaces of other systems on top of our services: routes, flags and names of Xinference, Langchain-Chatchat,
FastChat and ms-swift.

Facts come from the services; constant answers are data. No package below imports this one.
"""
