"""Apps of this process that are mounted at paths: which requests they accept, and the form of their answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from modelyard.core.access import INFERENCE
from modelyard.core.asgi import App, Headers
from modelyard.gateway.asgi import OWN_FORM, ErrorForm
from modelyard.gateway.middleware.limits import Allowance
from modelyard.gateway.rate_headers import rate_limits

Head = Callable[[bytes, Sequence[Allowance]], Headers]
"""Returns further headers of an answer, from the request's id and what is left of the key's limits."""


@dataclass(frozen=True, slots=True)
class MountStyle:
    """The conventions of one system's interface, for all its paths."""

    errors: ErrorForm = OWN_FORM
    head: Head = rate_limits
    any_type: bool = False
    """Whether bodies may lack the content type of JSON. Then only `Origin` and `Sec-Fetch-*` reveal requests of other sites."""
    streams: bool = False
    """Whether the app itself reads the body and limits its size. The app gets `ClientLeft` if the client disconnects."""


@dataclass(frozen=True, slots=True)
class Mount:
    """An app of this process at a path; at all paths below it that have one part more, if it ends with `/`."""

    app: App
    methods: Sequence[str] = ("POST",)
    style: MountStyle = field(default_factory=MountStyle)
    scope: str = INFERENCE
    """The scope that requests need. Requests with the scope for inference count against the limits of their key."""
