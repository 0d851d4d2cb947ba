"""The child process that parses and renders users' templates; it ends when its input ends.

A message is its length in four bytes, big-endian, and JSON: `{"template", "values"}` to render, without `values` to parse only.
The answer is `{"text"}` or `{"problem"}`. A template that exceeds the limits of processor time or memory ends the process.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from jinja2 import TemplateError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from modelyard.core.template_limits import LENGTH, LONGEST, MEMORY, READY, SECONDS

ENVIRONMENT = ImmutableSandboxedEnvironment(keep_trailing_newline=True)
PARSING = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"])


def answer(message: dict[str, Any]) -> dict[str, str]:
    """The rendered text, or the problem of the template."""
    try:
        if "values" in message:
            return {"text": render(message["template"], message["values"])}
        PARSING.parse(message["template"])
        return {"text": ""}
    except TemplateSyntaxError as error:
        return {"problem": f"line {error.lineno}: {error.message}"}
    except RecursionError:
        return {"problem": "it is nested too deeply"}
    except MemoryError:
        return {"problem": f"it takes more than {MEMORY >> 20} MiB of memory"}
    except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
        return {"problem": str(error)[:1000]}


def render(template: str, values: dict[str, Any]) -> str:
    """Render a template. Raises Jinja's errors, and `ValueError` for a text that is too long."""
    parts: list[str] = []
    size = 0
    for part in ENVIRONMENT.from_string(template).generate(**values):
        size += len(part)
        if size > LONGEST:
            raise ValueError(f"it makes more than {LONGEST:,} characters")
        parts.append(part)
    return "".join(parts)


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answer messages until the input ends."""
    replies.write(READY)
    replies.flush()
    while len(head := requests.read(LENGTH.size)) == LENGTH.size:
        message = json.loads(requests.read(LENGTH.unpack(head)[0]))
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        reply = json.dumps(answer(message)).encode()
        signal.setitimer(signal.ITIMER_PROF, 0)
        replies.write(LENGTH.pack(len(reply)) + reply)
        replies.flush()


def main() -> None:
    """Limit this process and serve. Printed output is redirected to the server's log, so that it does not mix with answers."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.nice(5)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, replies)


if __name__ == "__main__":
    main()
