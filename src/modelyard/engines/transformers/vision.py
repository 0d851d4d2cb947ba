"""Vision: a model's processor inserts tokens for pictures, and its vision tower computes the embeddings for them.

The language model then reads these like any other prompt, in parts and among other answers. This is correct only for models
with one row of positions and causal attention. So vision is enabled only if a test picture gives the
logits of the model without our cache.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor

from modelyard.core.errors import InvalidParameter
from modelyard.engines.transformers import PICTURE_BYTES
from modelyard.engines.transformers.pictures import open_pictures

OF_TEXT = {"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids", "position_ids"}
"""Outputs of a processor that belong to the text; all others belong to the pictures."""

USUAL = {"inputs_embeds", "attention_mask", "position_ids", "cache", "past_key_values", "cache_position"}
"""Usual arguments of a language model inside a multimodal one."""

FAILURES = (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OSError, ArithmeticError)
"""Exceptions of processors and models for unsupported input."""


class CannotSee(Exception):
    """The reason why a model accepts no pictures here."""


class _Caught(Exception):
    """Ends a pass at the call of the language model."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__()
        self.given = given


class Sight:
    """The processor and the vision tower of a model."""

    def __init__(self, model: Any, processor: Any) -> None:
        """Raises `CannotSee` for models whose files name no placeholder token of pictures."""
        self._model = model
        self._processor = processor
        self._device = model.get_input_embeddings().weight.device
        self._alone = threading.Lock()
        self._prepared: OrderedDict[tuple[bytes, ...], dict[str, Tensor]] = OrderedDict()
        self.placeholder = str(getattr(processor, "image_token", None) or "")
        """Placeholder of a picture in a text."""
        token = getattr(model.config, "image_token_id", None)
        if not self.placeholder or not isinstance(token, int):
            raise CannotSee("its files do not say which token stands for a picture")
        self.token = token
        """Id of the placeholder token for a piece of a picture in a prompt."""

    def tokens(self, text: str, pictures: tuple[bytes, ...]) -> list[int]:
        """Tokens of a text with pictures. Thread-safe. Raises `InvalidParameter`."""
        places = text.count(self.placeholder)
        if places != len(pictures):
            raise InvalidParameter(
                "messages", f"as text they have {places} places '{self.placeholder}' for {len(pictures)} pictures."
            )
        made = self._process(text, pictures)
        tokens: list[int] = made["input_ids"][0].tolist()
        if tokens[-1] == self.token:
            raise InvalidParameter("messages", "the model's chat template has nothing after the last picture.")
        return tokens

    def view(self, prompt: Sequence[int], pictures: tuple[bytes, ...]) -> PicturePrompt:
        """A prompt with pictures, to be read in parts."""
        return PicturePrompt(self, prompt, pictures)

    def embed(self, prompt: Sequence[int], pictures: tuple[bytes, ...]) -> Tensor:
        """The embeddings of a whole prompt, `[1, token, width]`. Raises `InvalidParameter`."""
        ids = torch.tensor([list(prompt)], device=self._device)
        try:
            given = self._catch(ids, self._inputs(pictures))
        except FAILURES as error:
            raise InvalidParameter("messages", f"the model cannot take these pictures: {error}") from error
        embeds: Tensor = given["inputs_embeds"]
        return embeds

    def bare(self, text: str, pictures: tuple[bytes, ...]) -> Tensor:
        """Logits after a text, by the model's own forward. Raises `CannotSee` if the model does what our passes cannot do."""
        made = self._process(text, pictures)
        seen: list[dict[str, Any]] = []
        watch = self._model.get_decoder().register_forward_pre_hook(
            lambda module, args, given: seen.append(dict(given)), with_kwargs=True
        )
        try:
            with torch.no_grad():
                logits: Tensor = self._model(**self._fitting(made), use_cache=False).logits[0, -1]
        finally:
            watch.remove()
        if not seen:
            raise CannotSee("its language model is not called as others are")
        object_to(seen[0], made["input_ids"].shape[1])
        return logits.float()

    def _catch(self, ids: Tensor, inputs: Mapping[str, Tensor]) -> Mapping[str, Any]:
        """Run the vision tower, and stop at the language model; returns the arguments of its call."""

        def stop(module: Any, args: Any, given: dict[str, Any]) -> None:
            raise _Caught(given)

        hook = self._model.get_decoder().register_forward_pre_hook(stop, with_kwargs=True)
        try:
            with torch.no_grad():
                self._model.base_model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False, **inputs)
        except _Caught as caught:
            return caught.given
        finally:
            hook.remove()
        raise RuntimeError("its language model was not called")

    def _process(self, text: str, pictures: tuple[bytes, ...]) -> dict[str, Tensor]:
        """Run the processor. Its results for the pictures are cached until others need the space."""
        with self._alone:
            opened = open_pictures(pictures)
            try:
                made = self._processor(text=[text], images=[opened], add_special_tokens=False, return_tensors="pt")
            except FAILURES as error:
                raise InvalidParameter("messages", f"the model's processor refuses them: {error}") from error
            found = dict(made)
            self._prepared[pictures] = {name: value for name, value in found.items() if name not in OF_TEXT}
            self._prepared.move_to_end(pictures)
            while len(self._prepared) > 1 and sum(map(_size, self._prepared.values())) > PICTURE_BYTES:
                self._prepared.popitem(last=False)
        return found

    def _inputs(self, pictures: tuple[bytes, ...]) -> dict[str, Tensor]:
        with self._alone:
            found = self._prepared.get(pictures)
        if found is None:
            made = self._process(self.placeholder * len(pictures), pictures)
            found = {name: value for name, value in made.items() if name not in OF_TEXT}
        return self._fitting(found)

    def _fitting(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Move the inputs to the model's device; pixels also to its dtype."""
        kind = self._model.dtype
        return {
            name: value.to(self._device, kind) if value.is_floating_point() else value.to(self._device)
            for name, value in inputs.items()
        }


class PicturePrompt:
    """A prompt with pictures. Its embeddings are computed when the first is read, and released after the last."""

    def __init__(self, sight: Sight, prompt: Sequence[int], pictures: tuple[bytes, ...]) -> None:
        self._sight = sight
        self._prompt = prompt
        self._pictures = pictures
        self._embeds: Tensor | None = None

    def part(self, start: int, count: int) -> Tensor | None:
        """The embeddings of tokens `start …`; None if they are text only. Raises `InvalidParameter`."""
        end = start + count
        if self._sight.token not in self._prompt[start:end]:
            return None
        if self._embeds is None:
            self._embeds = self._sight.embed(self._prompt, self._pictures)
        found = self._embeds[:, start:end]
        if self._sight.token not in self._prompt[end:]:
            self._embeds = None
        return found


def load_sight(path: str, model: Any, trust_remote_code: bool) -> Sight:
    """Load the vision of a model. Raises `CannotSee` if its processor does not load here."""
    try:
        processor = transformers.AutoProcessor.from_pretrained(
            path, trust_remote_code=trust_remote_code, local_files_only=True
        )
    except ImportError as error:
        library = "torchvision" if "torchvision" in str(error).lower() else _first_line(error)
        raise CannotSee(f"its processor needs a library that is not installed: {library}") from error
    except FAILURES as error:
        raise CannotSee(f"its processor does not load: {_first_line(error)}") from error
    if not hasattr(processor, "image_processor"):
        raise CannotSee("its folder has no image processor")
    return Sight(model, processor)


def object_to(given: Mapping[str, Any], count: int) -> None:
    """Raise `CannotSee` if a language model receives arguments, beside embeddings, that our passes do not provide."""
    if not isinstance(given.get("inputs_embeds"), Tensor):
        raise CannotSee("its language model is not given embeddings")
    mask, positions = given.get("attention_mask"), given.get("position_ids")
    if mask is not None and not (isinstance(mask, Tensor) and mask.dim() == 2):
        raise CannotSee("its tokens of a picture look at each other in both directions, or by a mask of their own")
    if positions is not None and not torch.equal(positions.cpu(), torch.arange(count).unsqueeze(0)):
        raise CannotSee("its pictures have positions of their own, in more than one direction")
    for name, value in given.items():
        if name not in USUAL and isinstance(value, Tensor | list | tuple | dict) and len(value):
            raise CannotSee(f"its language model is given '{name}' beside the tokens")


def _size(inputs: Mapping[str, Tensor]) -> int:
    return sum(value.numel() * value.element_size() for value in inputs.values())


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
