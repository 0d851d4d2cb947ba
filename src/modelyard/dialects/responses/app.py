"""The app behind `/v1/responses` and `/v1/responses/input_tokens`."""

from __future__ import annotations

import secrets
import time
from dataclasses import replace

import msgspec

from modelyard.core.access import BASE
from modelyard.core.asgi import Receive, Scope, Send
from modelyard.core.errors import ModelyardError
from modelyard.core.types import Task
from modelyard.dialects.anthropic.request import Abilities
from modelyard.dialects.attachments import Attachments
from modelyard.dialects.calling import CHAT, send_json
from modelyard.dialects.counting import prompt_tokens
from modelyard.dialects.responses.background import BackgroundRuns
from modelyard.dialects.responses.documents import with_content
from modelyard.dialects.responses.errors import FORM, with_item
from modelyard.dialects.responses.history import Opened, ResponseHistory, resolved
from modelyard.dialects.responses.hosted import HostedRequest, HostedTools, OpenTools, open_tools
from modelyard.dialects.responses.reply import response_setting
from modelyard.dialects.responses.request import (
    Translation,
    own_items,
    read_history,
    read_items,
    read_request,
    translate,
)
from modelyard.dialects.responses.run import ResponseRun
from modelyard.gateway.app import Gateway
from modelyard.gateway.apps import caller_of, end_with
from modelyard.gateway.mounts import MountStyle
from modelyard.gateway.sender import Caller
from modelyard.protocol.responses import CountedInput, ResponseRequest
from modelyard.protocol.responses_answer import InputTokens

STYLE = MountStyle(errors=FORM)
PATH = "/v1/responses"
PROBE = [{"role": "user", "content": "?"}]
"""What a request is checked with that is answered later."""


class ResponsesApi:
    """The two apps. They translate requests to chat completions, which the gateway answers."""

    def __init__(
        self,
        gateway: Gateway,
        attachments: Attachments,
        history: ResponseHistory,
        hosted: HostedTools,
        background: BackgroundRuns,
    ) -> None:
        self._gateway = gateway
        self._attachments = attachments
        self._history = history
        self._hosted = hosted
        self._background = background

    def mount(self) -> None:
        """Mount the apps at their paths."""
        self._gateway.mount(PATH, self.create, style=STYLE)
        self._gateway.mount(f"{PATH}/input_tokens", self.input_tokens, style=STYLE)

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a conversation, whole or as a stream."""
        caller = caller_of(scope)
        data = (await receive())["body"]
        request = read_request(data, ResponseRequest)
        if request.background:
            self._gateway.check_inside(caller, CHAT, msgspec.json.encode({"model": request.model, "messages": PROBE}))
        run = await self.prepare(request, data, caller)
        if request.background:
            await self._background.serve(run, caller, send, stream=bool(request.stream))
        elif request.stream:
            end_with(scope, run.failure)
            await run.send(send)
        else:
            await send_json(send, await run.answer())

    async def prepare(self, request: ResponseRequest, data: bytes, caller: Caller) -> ResponseRun:
        """Everything that is known of a response before its model is asked. Raises what is wrong with the request."""
        opened = await self._open(request, caller)
        hosted = await open_tools(self._hosted, request.tools or (), HostedRequest(caller, request.include or ()))
        translation = await self._translated(request, data, caller, opened, hosted)
        setting = response_setting(secrets.token_hex(16), int(time.time()), request, translation.tools)
        if opened.sink is not None:
            await opened.sink.begin(setting.answer)
        further = self._gateway.sender(replace(caller, admitted=False))
        return ResponseRun(self._gateway.sender(caller), translation, setting, opened.sink, hosted, further)

    async def input_tokens(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count the tokens of a prompt."""
        caller = caller_of(scope)
        data = (await receive())["body"]
        request = read_request(data, CountedInput)
        hosted = await open_tools(self._hosted, request.tools or (), HostedRequest(caller))
        translation = await self._translated(request, data, caller, await self._open(request, caller), hosted)
        await send_json(send, InputTokens(await prompt_tokens(self._gateway, caller, translation.body)))

    async def _open(self, request: CountedInput, caller: Caller) -> Opened:
        return await self._history.open(request, own_items(request), caller)

    async def _translated(
        self, request: CountedInput, data: bytes, caller: Caller, opened: Opened, hosted: OpenTools
    ) -> Translation:
        own = read_items(resolved(own_items(request), opened.references))
        try:
            items = [*read_history(opened.earlier), *own]
            await with_content(items, self._attachments, caller.grant)
            return translate(request, data, items, self._abilities(request.model), hosted.by_index)
        except ModelyardError as error:
            param = "conversation" if request.previous_response_id is None else "previous_response_id"
            raise with_item(error, opened.earlier, param) from None

    def _abilities(self, model: str) -> Abilities:
        base = self._gateway.aliases.model_of(model).startswith(BASE)
        return Abilities(self._gateway.honours(model, Task.CHAT, "reasoning_effort"), base=base)
