"""Anthropic's API: `/v1/messages`, `/v1/messages/count_tokens`, and the models of the server in its shape."""
