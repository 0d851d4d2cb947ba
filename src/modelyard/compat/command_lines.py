"""Reads command lines that start a model, of Modelyard, Xinference, vLLM and ms-swift, as launch requests. Pure."""

from __future__ import annotations

import json
import re
import shlex
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import click

from modelyard.catalog.swift_models import swift_models
from modelyard.compat.swift.flags import options, parse
from modelyard.control.command_line import IMAGE_PAIRS, OPTIONS, PAIRS, REPEATED
from modelyard.core.errors import InvalidParameter
from modelyard.infer.launch_request import DEFAULT_ADAPTER, engine_of

SHORT: Mapping[str, str] = {
    "-n": "model_name",
    "-u": "model_uid",
    "-t": "model_type",
    "-en": "model_engine",
    "--engine": "model_engine",
    "-s": "model_size_in_billions",
    "-f": "model_format",
    "-q": "quantization",
    "-r": "replica",
    "-mp": "model_path",
    "-lm": "lora_modules",
    "--lora-modules": "lora_modules",
    "-ev": "envs",
    "-qc": "quantization_config",
    "-ld": "image_lora_load_kwargs",
    "-fd": "image_lora_fuse_kwargs",
    "-vp": "virtual_env_packages",
}
"""Further spellings of the options of `modelyard launch` and `xinference launch` → fields of a request."""
FIELDS: Mapping[str, str] = {
    **{option: name for table in (OPTIONS, REPEATED, PAIRS, IMAGE_PAIRS) for name, option in table.items()},
    **SHORT,
}
OF_THE_CLIENT = ("endpoint", "e", "api_key", "ak")
"""Options about the connection, which a page has already."""
NUMBER = r"[0-9]{1,9}"
INDEXES = rf"{NUMBER}(,{NUMBER})*"
FLAGS = ("dry_run", "no_wait")
"""Options without a value that are no part of a request."""
OF_THE_SERVER = ("host", "port", "api_key", "ssl_keyfile", "ssl_certfile", "log_level", "uvicorn_log_level", "insecure")
"""Options of a server of its own, which here is this one."""


@dataclass(slots=True)
class CommandMeaning:
    """What a command line would launch."""

    program: str
    """`modelyard`, `xinference`, `vllm` or `swift`."""
    launch: dict[str, Any] = field(default_factory=dict)
    """Fields of a launch request."""
    without_effect: list[str] = field(default_factory=list)
    """Options that say nothing about the model."""


def meaning(line: str) -> CommandMeaning:
    """The launch that a command line asks for. Raises `InvalidParameter`."""
    words, environment = _words(line)
    for beginning, read in PROGRAMS.items():
        if words[: len(beginning)] == list(beginning):
            found = CommandMeaning(beginning[0] if beginning[0] != "python" else "vllm")
            read(words[len(beginning) :], found)
            _surroundings(environment, found)
            return found
    known = "modelyard launch, xinference launch, vllm serve, swift deploy"
    raise InvalidParameter("command", f"The command begins with none of {known}.")


def _words(line: str) -> tuple[list[str], dict[str, str]]:
    """The words of a shell's line, and the variables that stand before them."""
    try:
        words = deque(shlex.split(line.replace("\\\r\n", " ").replace("\\\n", " ")))
    except ValueError as error:
        raise InvalidParameter("command", f"The command cannot be read: {str(error).lower()}.") from None
    if words and words[0] in ("$", "#", "!"):
        words.popleft()
    environment: dict[str, str] = {}
    while words and re.match(r"[A-Za-z_]\w*=", words[0]):
        name, _, value = words.popleft().partition("=")
        environment[name] = value
    found = list(words)
    if found:
        found[0] = found[0].rpartition("/")[2].replace("python3", "python")
    return found, environment


def _surroundings(environment: dict[str, str], found: CommandMeaning) -> None:
    """Variables in front of a command: GPUs, and the environment of the process."""
    visible = environment.pop("CUDA_VISIBLE_DEVICES", None)
    if visible and re.fullmatch(INDEXES, visible):
        found.launch.setdefault("gpu_idx", [int(part) for part in visible.split(",")])
    if environment:
        found.launch["envs"] = {**environment, **found.launch.get("envs", {})}


def _pairs(words: list[str]) -> list[tuple[str, list[str]]]:
    """Options with the words after them; words before the first option have the name ``""``."""
    pairs: list[tuple[str, list[str]]] = [("", [])]
    for word in words:
        if word.startswith("-") and not re.match(r"-\.?\d", word):
            name, equals, value = word.partition("=")
            pairs.append((name, [value] if equals else []))
        else:
            pairs[-1][1].append(word)
    return pairs


def _launch(words: list[str], found: CommandMeaning) -> None:
    """`modelyard launch` and `xinference launch`."""
    names: list[str] = []
    for flag, values in _pairs(words):
        option = flag.lstrip("-").replace("-", "_")
        name = FIELDS.get(flag if len(flag) < 4 else "--" + option.replace("_", "-"), option)
        if option in (*OF_THE_CLIENT, *FLAGS):
            found.without_effect.append(flag)
            names += values if option in FLAGS else values[1:]
        elif not flag:
            names += values
        else:
            width = 2 if name in ("lora_modules", *PAIRS, *IMAGE_PAIRS) and "=" not in "".join(values[:1]) else 1
            _field(found.launch, name, flag, values[:width])
            names += values[width:]
    _one_name(names, found)


def _one_name(names: list[str], found: CommandMeaning) -> None:
    if len(names) > 1 or (names and "model_name" in found.launch):
        raise InvalidParameter("command", f"The command names more than one model: {', '.join(names)}.")
    if names:
        found.launch["model_name"] = names[0]


def _field(launch: dict[str, Any], name: str, flag: str, values: list[str]) -> None:
    """Set one field from the words after its option."""
    if name == "lora_modules":
        path = "=".join(values)
        launch.setdefault(name, []).append(path)
    elif name in PAIRS:
        launch.setdefault(name, {})[_first(values, flag)] = _first(values[1:], flag)
    elif name in IMAGE_PAIRS:
        config = launch.setdefault("peft_model_config", {})
        config.setdefault(name, {})[_first(values, flag)] = _first(values[1:], flag)
    elif name in REPEATED:
        launch.setdefault(name, []).append(_first(values, flag))
    elif name in ("enable_virtual_env", "disable_virtual_env"):
        launch["enable_virtual_env"] = name.startswith("enable")
    elif name in OPTIONS:
        text = _first(values, flag)
        launch[name] = TEXTS.get(name, str)(text)
    elif name in TEXTS:
        launch[name] = TEXTS[name](_first(values, flag))
    else:
        launch[name] = values[0] if values else True


def _first(values: list[str], flag: str) -> str:
    if not values:
        raise InvalidParameter("command", f"{flag} takes a value.")
    return values[0]


def _gpus(text: str) -> int | str | None:
    return int(text) if re.fullmatch(NUMBER, text) else None if text == "none" else text


def _indexes(text: str) -> list[int]:
    if not re.fullmatch(INDEXES, text):
        raise InvalidParameter("command", f"--gpu-idx is a list such as 0,1, not '{text}'.")
    return [int(part) for part in text.split(",")]


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidParameter("command", "--replica-config is not JSON.") from None


TEXTS: Mapping[str, Callable[[str], Any]] = {"n_gpu": _gpus, "gpu_idx": _indexes, "replica_config": _json}


def _vllm(words: list[str], found: CommandMeaning) -> None:
    """`vllm serve`, and the module that it was before."""
    found.launch["model_engine"] = "vllm"
    names: list[str] = []
    for flag, values in _pairs(words):
        option = flag.lstrip("-").replace("-", "_")
        if not flag:
            names += values
        elif option == "model":
            names.append(_first(values, flag))
        elif option == "served_model_name":
            found.launch["model_uid"] = _first(values, flag)
            if values[1:]:
                found.launch["aliases"] = values[1:]
        elif option in OF_THE_SERVER:
            found.without_effect.append(flag)
        elif option == "lora_modules":
            found.launch["lora_modules"] = values
        elif not values and option.startswith("no_"):
            found.launch[option.removeprefix("no_")] = False
        else:
            found.launch[option] = values[0] if len(values) == 1 else values or True
    _one_name(names, found)


def _swift(words: list[str], found: CommandMeaning) -> None:
    """`swift deploy`. Files of the server's machine are not looked at."""
    try:
        flags = parse(words, OF_THE_SERVER)
    except click.UsageError as error:
        raise InvalidParameter("command", error.message) from None
    model = flags.model
    engine = engine_of(str(model.get("backend") or "auto"))
    kind, weights = model.get("model_type"), model.get("ckpt_dir") or model.get("model")
    known = swift_models().get(kind) if kind and not weights else None
    hub, model_id = next(iter(known.ids.items())) if known else (None, kind)
    named = {
        "model_name": weights or model_id,
        "download_hub": hub,
        "model_uid": model.get("served_name") or (kind if kind and not weights else None),
        "model_engine": engine,
        "lora_modules": [each if "=" in each else f"{DEFAULT_ADAPTER}={each}" for each in model.get("adapters", [])],
    }
    found.launch |= {name: value for name, value in named.items() if value} | options(flags, engine or "")
    found.without_effect += [f"--{name}" for name in (*flags.own, *flags.answer)]


PROGRAMS: Mapping[tuple[str, ...], Callable[[list[str], CommandMeaning], None]] = {
    ("modelyard", "launch"): _launch,
    ("modelyard", "deploy"): _swift,
    ("xinference", "launch"): _launch,
    ("swift", "deploy"): _swift,
    ("vllm", "serve"): _vllm,
    ("python", "-m", "vllm.entrypoints.openai.api_server"): _vllm,
}
"""How a command begins → what reads the rest of it."""
