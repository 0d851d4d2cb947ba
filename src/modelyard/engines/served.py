"""The configuration and command of replicas that run our own server, `modelyard.serving`."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from modelyard.core.types import Address, Launch, ModelType, ReplicaFigure
from modelyard.engines.base import PYTHON, Command, Engine, token_header

CONFIG_VARIABLE = "SERVED_REPLICA_CONFIG"
TOKEN_VARIABLE = "SERVED_REPLICA_TOKEN"
"""Environment variable with the replica's token; argument lists are readable by every user."""


FIGURES: Mapping[str, Sequence[ReplicaFigure]] = {
    "replica_answers_waiting": ("queued",),
    "replica_prompt_tokens_read_total": ("prefix_queries",),
    "replica_prompt_tokens_reused_total": ("prefix_queries", "prefix_hits"),
}
"""Of replicas that generate text."""


class ReplicaConfig(msgspec.Struct, kw_only=True, frozen=True):
    """The configuration of the replica's process, except for its token."""

    uid: str
    engine: str
    type: ModelType
    path: str
    uds: str | None
    host: str
    port: int
    options: dict[str, Any]
    """The options as the engine checked them at launch; the replica decodes them with the engine's struct again."""
    context_length: int = 0
    """Maximum tokens of a request; 0 means the model's own limit."""
    chat_template: str = ""
    """Jinja text that replaces the model's own."""
    stop: tuple[str, ...] = ()
    """Strings that end every chat answer."""
    stop_token_ids: tuple[int, ...] = ()
    gpus: int = 0


class ServedEngine(Engine):
    """An engine without a server of its own: its replicas run `modelyard.serving`."""

    @abstractmethod
    def load(self, config: ReplicaConfig) -> Any:
        """Load the weights; called inside the replica, in a separate thread."""


def configure(
    launch: Launch, path: str, listen: Address, options: msgspec.Struct, context_length: int = 0
) -> ReplicaConfig:
    """The configuration of a launch's replicas."""
    model = launch.model
    return ReplicaConfig(
        uid=launch.uid,
        engine=launch.engine,
        type=model.type,
        path=path,
        uds=listen.uds,
        host=listen.host,
        port=listen.port,
        options=msgspec.to_builtins(options),
        context_length=context_length,
        chat_template=model.chat_template or "",
        stop=model.stop,
        stop_token_ids=model.stop_token_ids,
        gpus=launch.gpus,
    )


def environment(config: ReplicaConfig, token: str) -> dict[str, str]:
    """The configuration and the token as environment variables."""
    made = {CONFIG_VARIABLE: msgspec.json.encode(config).decode(), "HF_HUB_OFFLINE": "1"}
    return made | ({TOKEN_VARIABLE: token} if token else {})


def served(config: ReplicaConfig, listen: Address, token: str, **rest: Any) -> Command:
    """The command of a replica that runs our server; `rest` are the remaining fields of `Command`."""
    env = {**environment(config, token), **rest.pop("env", {})}
    argv = (PYTHON, "-m", "modelyard.serving")
    return Command(argv, listen, env=env, headers=token_header(token), figures=FIGURES, **rest)
