"""An engine for Modelyard: `Parrot` says how it is run, and `Handler` is the replica. It repeats what it is asked."""

import json
import os
import sys
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingUnixStreamServer
from typing import Annotated

import msgspec

from modelyard.core.types import Address, Footprint, Hardware, Launch, Model, Task
from modelyard.engines.base import PYTHON, Command, Engine, Fit, Profile, read_options, token_header


class ParrotOptions(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """The options of a launch: `modelyard launch demo --engine parrot --shout true`."""

    shout: Annotated[
        bool, msgspec.Meta(description="Answer in capital letters", extra_json_schema={"group": "answers"})
    ] = False


class Parrot(Engine):
    """The registered engine. Importing this module must be cheap: load libraries in the replica, not here."""

    name = "parrot"
    profile = Profile("Parrot", formats=frozenset({"ggufv2"}), aliases=frozenset({"polly"}), devices=frozenset({"cpu"}))
    Options = ParrotOptions

    def fits(self, model: Model, hardware: Hardware) -> Fit:
        if self.profile.runs(model):
            return Fit(1, "it repeats what it is asked, whatever the weights")
        return Fit(0, f"it does not run models of format '{model.format}' and type '{model.type}'")

    def footprint(self, launch: Launch) -> Footprint:
        return Footprint(weights=launch.model.weights_bytes, kv_cache=0, overhead=20 * 2**20)

    def command(self, launch: Launch, listen: Address, token: str) -> Command:
        options = read_options(self.name, ParrotOptions, launch.options)
        return Command(
            argv=(PYTHON, "-m", "modelyard_parrot", listen.uds or "", "shout" if options.shout else "speak"),
            address=listen,
            tasks=frozenset({Task.CHAT}),
            env={"PARROT_TOKEN": token},  # never an argument, which every user of the machine can read
            headers=token_header(token),
        )


engine = Parrot()


class Handler(BaseHTTPRequestHandler):
    """The replica: `/health` answers 200 once it can work, and OpenAI's paths do the work."""

    def do_GET(self) -> None:
        self._answer(200, {"status": "ok"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.headers["authorization"] == f"Bearer {os.environ['PARROT_TOKEN']}":
            self._chat(body["model"], body["messages"][-1]["content"], body.get("stream", False))
        else:
            self._answer(401, {"error": {"message": "The token is wrong.", "type": "authentication_error"}})

    def _chat(self, model: str, text: str, stream: bool) -> None:
        message = {"role": "assistant", "content": text.upper() if sys.argv[2] == "shout" else text}
        choice = {"index": 0, "delta" if stream else "message": message, "finish_reason": "stop"}
        self._answer(200, {"model": model, "choices": [choice]}, stream)

    def _answer(self, status: int, body: object, stream: bool = False) -> None:
        data = json.dumps(body)
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if stream else "application/json")
        self.end_headers()
        self.wfile.write((f"data: {data}\n\ndata: [DONE]\n\n" if stream else data).encode())

    def address_string(self) -> str:
        return "the gateway"  # the other end of a Unix socket has no address


if __name__ == "__main__":
    ThreadingUnixStreamServer(sys.argv[1], Handler).serve_forever()
