"""Reads the chat template that a launch names, and derives the model's abilities from it, for every engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from modelyard.catalog.family_defaults import with_template
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Launch, ModelType

OPTION = "chat_template"
MOST_BYTES = 1024 * 1024


def templated(launch: Launch) -> Launch:
    """Return the launch with the model's abilities as its chat template implies. Raises `InvalidParameter`.

    The template is Jinja text or the path of a file; the name of an engine's built-in template is ignored. Whether the caller
    may name a file is checked before.
    """
    template = launch.options.get(OPTION)
    if launch.model.type is not ModelType.LLM or not isinstance(template, str) or not template:
        return launch
    text = template if "{" in template else _read(Path(template).expanduser())
    return launch if text is None else replace(launch, model=with_template(launch.model, text))


def _read(path: Path) -> str | None:
    """The text of a file; None if there is no such file."""
    try:
        if not path.is_file():
            return None
        if path.stat().st_size > MOST_BYTES:
            raise InvalidParameter(OPTION, f"'{path}' has more than {MOST_BYTES} bytes.")
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise InvalidParameter(OPTION, f"'{path}' is no text in UTF-8 that can be read.") from error
