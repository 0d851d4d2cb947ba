"""The interfaces of other systems over our services: routes, flags and names of Xinference, Langchain-Chatchat, FastChat
and ms-swift.

Facts come from the services; constant answers are data. Nothing below imports this package.
"""
