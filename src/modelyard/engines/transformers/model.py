"""A causal model and its passes: reading a part of a prompt, or generating one token of every answer."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from typing import Any

import torch
import transformers
from torch import Tensor

from modelyard.core.errors import CannotStart
from modelyard.engines.generation import PromptSource, SampledToken, SamplingParams
from modelyard.engines.served import ReplicaConfig
from modelyard.engines.transformers.adapters import AdapterSlots
from modelyard.engines.transformers.cache import RowCache
from modelyard.engines.transformers.grammar import Grammars
from modelyard.engines.transformers.options import TransformersOptions
from modelyard.engines.transformers.recordings import Record, Recordings, apart
from modelyard.engines.transformers.sampling import SamplingRow, choose, thought
from modelyard.engines.transformers.vision import PicturePrompt, Sight

TOLERANCE = {torch.float32: 1e-3, torch.float16: 5e-2, torch.bfloat16: 2.5e-1}
"""Maximum difference of logits, relative to the largest one, between passes with and without our cache."""

KINDS = {"full_attention", "sliding_attention"}
"""Types of layers that our cache and masks support."""

TOLD_AT_ONCE = 64
"""Number of a prompt's tokens whose logits, each a row as long as the vocabulary, are in memory together."""

BYTES_PER_THREAD = 64 * 1024 * 1024


def load_weights(config: ReplicaConfig, options: TransformersOptions) -> Any:
    """Load the model in a folder. Raises transformers' errors."""
    device = options.device if options.device != "auto" else _device(config)
    transformers.utils.logging.disable_progress_bar()
    found = transformers.AutoConfig.from_pretrained(
        config.path, trust_remote_code=options.trust_remote_code, local_files_only=True
    )
    model = _kind(found).from_pretrained(
        config.path,
        config=found,
        dtype=_dtype(options.dtype, device, found),
        trust_remote_code=options.trust_remote_code,
        local_files_only=True,
        **({"device_map": device} if device != "cpu" else {}),
    )
    torch.set_num_threads(options.n_threads or _threads(model))
    torch.backends.cuda.enable_cudnn_sdp(False)  # it compiles a plan for each new length: 90 ms per pass instead of 20
    return model.eval()


def _kind(config: Any) -> Any:
    """The class that loads a folder: with vision, if the library has a class for such a model."""
    sees = getattr(config, "vision_config", None) is not None
    known = type(config) in transformers.MODEL_FOR_IMAGE_TEXT_TO_TEXT_MAPPING
    return transformers.AutoModelForImageTextToText if sees and known else transformers.AutoModelForCausalLM


def _threads(model: Any) -> int:
    """Number of threads. A thread is worthwhile only with enough weights to read per token; otherwise threads wait."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    size = sum(weight.numel() * weight.element_size() for weight in model.parameters())
    return int(min(cores, max(1, size // BYTES_PER_THREAD)))


def _device(config: ReplicaConfig) -> str:
    if config.gpus and torch.cuda.is_available():
        return "cuda" if config.gpus == 1 else "auto"
    return "mps" if config.gpus and torch.backends.mps.is_available() else "cpu"


def _dtype(name: str, device: str, config: Any) -> torch.dtype:
    """The dtype. Float32 on a CPU by default, because half precision is slower there, and batching would change answers."""
    if name != "auto":
        found: torch.dtype = getattr(torch, name)
        return found
    if device == "cpu":
        return torch.float32
    stored = getattr(config.get_text_config(), "dtype", None)
    return stored if isinstance(stored, torch.dtype) and stored != torch.float32 else torch.bfloat16


class Passes:
    """The `Backend` of a transformers model."""

    def __init__(self, model: Any, rows: int, recorder: Callable[[], Record] | None = None) -> None:
        """With a `recorder`, passes that generate tokens are recorded. Raises `CannotStart`."""
        self.rows = rows
        self.grammars: Grammars | None = None
        """Creates matchers for answers with a grammar; set by the code that has the tokenizer."""
        self.sight: Sight | None = None
        """None if the model reads no pictures."""
        self._views: list[PicturePrompt | None] = [None] * rows
        self._model = model
        self._config = model.config.get_text_config()
        self._device = model.get_input_embeddings().weight.device
        self._dtype = model.dtype
        self.tolerance = TOLERANCE.get(model.dtype, 0.25)
        """Maximum difference of logits, relative to the largest one."""
        self._cache = RowCache(self._config.num_hidden_layers)
        self._answers: list[SamplingRow | None] = [None] * rows
        self._adapters = AdapterSlots(model)
        self._keys = [""] * rows
        """Row → adapter key."""
        self._kinds = sorted(set(getattr(self._config, "layer_types", None) or ()))
        if other := set(self._kinds) - KINDS:
            raise CannotStart(
                f"{self._name()} has layers of kind {', '.join(sorted(other))}, which cannot be batched here."
            )
        self._window = self._sliding_window()
        self._additive = getattr(self._config, "_attn_implementation", "sdpa") == "eager"
        self._keep_last = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._check()
        self._recordings = (
            Recordings(self._step, self._cache, self._device, self.tolerance, recorder)
            if recorder is not None
            else None
        )

    def _sliding_window(self) -> int:
        window = getattr(self._config, "sliding_window", None) or 0
        return 0 if getattr(self._config, "use_sliding_window", True) is False else window

    def begin(self, row: int, params: SamplingParams, prompt: Sequence[int], source: PromptSource) -> None:
        matcher = self.grammars.matcher(params.grammar) if self.grammars and params.grammar else None
        self._answers[row] = SamplingRow(params, prompt, matcher)
        self._keys[row] = source.adapter
        self._views[row] = self.sight.view(prompt, source.pictures) if self.sight and source.pictures else None

    def read(self, row: int, start: int, tokens: Sequence[int]) -> list[SampledToken]:
        answer = self._answers[row]
        if answer is not None and (count := answer.params.prompt_logprobs) is not None:
            return self._read_telling(row, start, tokens, answer.prompt, count)
        view = self._views[row]
        self._adapters.use(())
        embeds = view.part(start, len(tokens)) if view else None
        positions = self._for_reading(row, start, len(tokens))
        self._pass(torch.tensor([tokens], device=self._device), positions.unsqueeze(0), head=False, embeds=embeds)
        return []

    def _read_telling(
        self, row: int, start: int, tokens: Sequence[int], prompt: Sequence[int], count: int
    ) -> list[SampledToken]:
        """Read a part of a prompt without pictures, with log probabilities of every token."""
        scores: list[SampledToken] = []
        for first in range(0, len(tokens), TOLD_AT_ONCE):
            part, place = tokens[first : first + TOLD_AT_ONCE], start + first
            positions = self._for_reading(row, place, len(part)).unsqueeze(0)
            logits = self._pass(torch.tensor([part], device=self._device), positions, head=True, last=False)[0]
            scores += thought(logits, prompt[place + 1 : place + 1 + len(part)], count)
        return scores

    def write(self, last: Sequence[int | None], lengths: Sequence[int]) -> list[SampledToken | None]:
        self._adapters.use(self._keys[: len(last)])
        logits = None
        if self._recordings is not None and not self._adapters.at_work:
            logits = self._recordings.write(last, lengths)
        if logits is None:
            columns = lengths[: len(last)]
            inputs = torch.tensor([[token or 0] for token in last], device=self._device)
            logits = self._step(inputs, torch.tensor(columns, device=self._device), max(columns) + 1)
        return choose(logits, [None if token is None else row for token, row in zip(last, self._answers, strict=False)])

    def _step(self, tokens: Tensor, columns: Tensor, width: int) -> Tensor:
        """The `Step` of the recordings."""
        self._cache.for_writing(columns, width)
        return self._pass(tokens, columns.unsqueeze(1), head=True)[:, -1]

    def _for_reading(self, row: int, start: int, count: int) -> Tensor:
        """Prepare a pass that reads `count` tokens of one row; returns their positions."""
        self._cache.for_reading(row, start, count)
        self._adapters.use(self._keys[row : row + 1])
        return torch.arange(start, start + count, device=self._device)

    def copy(self, source: int, target: int, length: int) -> None:
        self._cache.copy(source, target, length)

    def move(self, source: int, target: int, length: int) -> None:
        self._cache.copy(source, target, length)
        self._answers[target] = self._answers[source]
        self._keys[target] = self._keys[source]
        self._views[target], self._views[source] = self._views[source], None

    def reset(self) -> None:
        self._cache.clear()

    def load_adapter(self, key: str, path: str, scale: float) -> None:
        self._adapters.load(key, path, scale)
        self._changed()

    def unload_adapter(self, key: str) -> None:
        self._adapters.unload(key)
        self._changed()

    def _changed(self) -> None:
        if self._recordings is not None:
            self._recordings.forget()

    def _pass(
        self, inputs: Tensor, positions: Tensor, head: bool, embeds: Tensor | None = None, last: bool = True
    ) -> Tensor:
        """Run one pass; returns logits with `head`, of the `last` token or of all. `embeds` replace the inputs."""
        model = self._model if head else self._model.base_model
        extra = {"logits_to_keep": 1} if head and last and self._keep_last else {}
        with torch.no_grad():
            found = model(
                input_ids=inputs if embeds is None else None,
                inputs_embeds=embeds,
                attention_mask=self._masks(positions),
                position_ids=positions,
                past_key_values=self._cache,
                use_cache=True,
                **extra,
            )
        logits: Tensor = found[0]
        return logits

    def _masks(self, positions: Tensor) -> Tensor | dict[str, Tensor]:
        """The attention mask: each token attends to itself and to earlier tokens of its row."""
        columns = torch.arange(self._cache.place.width, device=self._device)
        seen = (columns <= positions.unsqueeze(2)).unsqueeze(1)
        near = seen
        if self._window and self._cache.place.width > self._window:
            near = seen & (columns > positions.unsqueeze(2) - self._window).unsqueeze(1)
        if not self._kinds:
            return self._as_wanted(near)
        return {kind: self._as_wanted(near if kind == "sliding_attention" else seen) for kind in self._kinds}

    def _as_wanted(self, mask: Tensor) -> Tensor:
        if not self._additive:
            return mask
        floor = torch.finfo(self._dtype).min
        return torch.zeros(mask.shape, dtype=self._dtype, device=self._device).masked_fill(~mask, floor)

    def _check(self) -> None:
        """Check that the architecture works with our cache, by a short text with and without it. Raises `CannotStart`."""
        tokens = [index % self._config.vocab_size for index in range(3, 15)]
        with torch.no_grad():
            reference = self._model(input_ids=torch.tensor([tokens], device=self._device), use_cache=False)[0][
                0, -1
            ].float()
        try:
            for row, start in ((0, 0), (1, 2)):
                self.read(row, 0, tokens[start:9])
                self.read(row, 9 - start, tokens[9:-1])
            inputs = torch.tensor([[tokens[-1]]] * 2, device=self._device)
            result = self._step(inputs, torch.tensor([11, 9], device=self._device), 12)[0].float()
        except (TypeError, ValueError, AttributeError, RuntimeError, KeyError, IndexError) as error:
            raise CannotStart(f"{self._name()} cannot be batched by the transformers engine: {error}") from error
        difference = apart(result, reference)
        self._cache.clear()
        if not difference <= self.tolerance:
            raise CannotStart(
                f"{self._name()} cannot be batched by the transformers engine: with its cache a short text comes out "
                f"differently (by {difference:.2g} of the largest logit)."
            )

    def _name(self) -> str:
        return type(self._model).__name__
