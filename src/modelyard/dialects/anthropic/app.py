"""The app behind `/v1/messages` and `/v1/messages/count_tokens`."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from modelyard.core.access import BASE
from modelyard.core.asgi import Headers, Receive, Scope, Send
from modelyard.core.types import Task
from modelyard.dialects.anthropic.documents import with_content
from modelyard.dialects.anthropic.errors import FORM
from modelyard.dialects.anthropic.reply import ReplySetting, message_answer
from modelyard.dialects.anthropic.request import Abilities, chat_body, read_request
from modelyard.dialects.anthropic.stream import PING, MessageStream
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.calling import EVENT_HEADERS, send_json, send_stream, whole_chat
from modelyard.dialects.counting import prompt_tokens
from modelyard.gateway.app import Gateway
from modelyard.gateway.apps import caller_of
from modelyard.gateway.middleware.limits import Allowance
from modelyard.gateway.mounts import MountStyle, UnknownPaths
from modelyard.protocol.anthropic import CountedMessages, MessagesRequest, TokensCounted


def head(identity: bytes, allowances: Sequence[Allowance]) -> Headers:
    """Anthropic's headers: the request's id, and what is left of the limits of the key."""
    found = [(b"request-id", identity)]
    now = datetime.now(UTC)
    for each in allowances:
        reset = (now + timedelta(seconds=each.seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {"limit": str(each.limit), "remaining": str(each.remaining), "reset": reset}
        found += [
            (f"anthropic-ratelimit-{each.unit}-{name}".encode(), value.encode()) for name, value in values.items()
        ]
    return found


STYLE = MountStyle(errors=FORM, head=head)
HINTS = {
    "/v1/messages/batches": "Batches are at /v1/batches here, in OpenAI's form, with requests for /v1/chat/completions."
}


class AnthropicApi:
    """The two apps. They translate requests to chat completions, which the gateway answers."""

    def __init__(self, gateway: Gateway, attachments: Attachments) -> None:
        self._gateway = gateway
        self._attachments = attachments

    def mount(self) -> None:
        """Mount the apps at their paths."""
        self._gateway.mount("/v1/messages", self.messages, style=STYLE)
        self._gateway.mount("/v1/messages/count_tokens", self.count_tokens, style=STYLE)
        self._gateway.mounts.add_unknown("/v1/messages/", UnknownPaths(STYLE, HINTS))

    async def messages(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a conversation, whole or as a stream."""
        caller = caller_of(scope)
        data = (await receive())["body"]
        request = read_request(data, MessagesRequest)
        await with_content(request, self._attachments, caller.grant)
        body = chat_body(request, data, self._abilities(request.model))
        setting = ReplySetting(
            identity=f"msg_{secrets.token_hex(12)}",
            model=request.model,
            stops=request.stop_sequences or (),
            max_tokens=request.max_tokens,
            hides_thoughts=request.thinking is not None and request.thinking.display == "omitted",
        )
        sender = self._gateway.sender(caller)
        if request.stream:
            await send_stream(send, sender, body, MessageStream(setting), EVENT_HEADERS, lambda: PING)
        else:
            await send_json(send, message_answer(setting, await whole_chat(sender, body)))

    async def count_tokens(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the tokens of a prompt."""
        caller = caller_of(scope)
        data = (await receive())["body"]
        request = read_request(data, CountedMessages)
        await with_content(request, self._attachments, caller.grant)
        body = chat_body(request, data, self._abilities(request.model))
        await send_json(send, TokensCounted(await prompt_tokens(self._gateway, caller, body)))

    def _abilities(self, model: str) -> Abilities:
        def has(parameter: str) -> bool:
            return self._gateway.honours(model, Task.CHAT, parameter)

        base = self._gateway.aliases.model_of(model).startswith(BASE)
        return Abilities(has("reasoning_effort"), has("thinking_token_budget"), has("continue_final_message"), base)
