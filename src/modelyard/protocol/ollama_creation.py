"""Bodies of Ollama's API that make models: `/api/create`, `/api/copy`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from modelyard.protocol.inference import Name

Digest = Annotated[str, Meta(pattern=r"^sha256[:-][0-9a-f]{64}$")]
FileNames = dict[Annotated[str, Meta(min_length=1, max_length=255)], Digest]
LONGEST_TEXT = 1 << 20
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class OllamaExample(msgspec.Struct):
    """A `MESSAGE` of a Modelfile."""

    role: Literal["system", "user", "assistant"]
    content: Text


class OllamaCreateRequest(msgspec.Struct, kw_only=True, rename={"from_": "from"}):
    """Body of `POST /api/create`: the fields of a Modelfile."""

    model: Name | None = None
    name: Name | None = None
    """The older name of `model`."""
    stream: bool | None = None
    """True if it is left out."""
    from_: Name | None = None
    """A model that runs, a family, or `hf.co/OWNER/NAME`."""
    files: FileNames | None = None
    """File name → digest of a blob: a GGUF file, or the files of a folder with safetensors."""
    adapters: FileNames | None = None
    """File name → digest of a blob: the GGUF file of a LoRA adapter."""
    template: Text | None = None
    license: Text | list[Text] | None = None
    system: Text | None = None
    parameters: dict[str, Any] | None = None
    messages: Annotated[list[OllamaExample], Meta(max_length=1000)] | None = None
    quantize: str | None = None


class OllamaCopyRequest(msgspec.Struct):
    """Body of `POST /api/copy`."""

    source: Name
    destination: Name
