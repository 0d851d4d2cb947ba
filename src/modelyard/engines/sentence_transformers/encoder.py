"""The model inside a replica: tokenizes texts, and computes vectors or scores of a batch in one pass.

It is independent of HTTP. No large library is imported before `load`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from modelyard.core.errors import InvalidParameter, ModelFilesInvalid
from modelyard.core.types import OFFSET_POSITIONS, ModelType
from modelyard.engines.sentence_transformers.options import SentenceTransformersOptions, batch_tokens
from modelyard.engines.served import ReplicaConfig

SMALL = 256
"""Tokens of a pass that half of the threads compute nearly as fast; the other cores are left to the server that asks."""
UNLIMITED = 1_000_000
"""Tokenizers without a limit state a length above this."""


@dataclass(frozen=True, slots=True)
class EncoderInput:
    """One text, or one pair of texts, as input of the model."""

    ids: Any
    """Token ids including special ones; a numpy array, because lists take ten times the memory."""
    kinds: Any = None
    """Which text of a pair each token belongs to, if the model uses that."""
    prompt: int = 0
    """Number of tokens at the beginning that are not pooled."""

    @property
    def size(self) -> int:
        """Number of tokens."""
        return len(self.ids)

    @property
    def group(self) -> int:
        """Only texts of one group share a pass."""
        return self.prompt


class SentenceEncoder:
    """A loaded model. `read…` are called in one thread and `run` in another."""

    def __init__(self, model: Any, options: SentenceTransformersOptions, budget: int, threads: int = 0) -> None:
        """`threads` is how many may compute a pass; 0 leaves that to torch."""
        from tokenizers import Tokenizer

        first = model[0]
        tokenizer = model.tokenizer
        self.options = options
        self.budget = budget
        """Maximum tokens of one pass, including padding."""
        self.limit = _limit(model, options)
        """Maximum tokens of one text."""
        self.prompts: dict[str, str] = {name: text for name, text in (model.prompts or {}).items() if text}
        self.default_prompt = options.prompt_name or model.default_prompt_name or ""
        self.vocabulary = int(first.model.get_input_embeddings().num_embeddings)
        self.special = int(tokenizer.num_special_tokens_to_add(False))
        self.labels: list[str] = _labels(first.model.config) if hasattr(model, "num_labels") else []
        """The labels of a classifier, one for a model that ranks; empty for models that make vectors."""
        kind = getattr(first.model.config, "problem_type", None)
        self.multi_label = len(self.labels) == 1 or kind == "multi_label_classification"
        """Whether each label is true or false by itself."""
        self.width = 0
        """Length of a vector; 0 before the first computation, and for scores."""
        self._model = model
        self._threads = threads
        self._tokenizer = Tokenizer.from_str(tokenizer.backend_tokenizer.to_str())
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._with_kinds = "token_type_ids" in tokenizer.model_input_names
        self._left = tokenizer.padding_side == "left"
        self._pad = tokenizer.pad_token_id or 0
        self._pad_kind = getattr(tokenizer, "pad_token_type_id", 0) or 0
        self._skip_prompt = any(getattr(module, "include_prompt", True) is False for module in model)

    def read(self, texts: Sequence[str], prompt: str = "", keep: int = 0) -> list[EncoderInput]:
        """Tokenize texts with a prompt before each, cut to `keep` tokens if that is not 0."""
        skipped = self._prompt_length(prompt) if prompt and self._skip_prompt else 0
        whole = [prompt + text for text in texts] if prompt else list(texts)
        return [self._text(made, skipped) for made in self._encode(whole, keep)]

    def read_pairs(self, query: str, documents: Sequence[str], keep: int = 0) -> list[EncoderInput]:
        """Tokenize pairs of the query and each document."""
        return [self._text(made, 0) for made in self._encode([(query, document) for document in documents], keep)]

    def read_ids(self, ids: Sequence[int], keep: int = 0) -> EncoderInput:
        """Convert the client's token ids. Raises `InvalidParameter` for an id that the model does not have."""
        import numpy

        wrong = next((token for token in ids if not 0 <= token < self.vocabulary), None)
        if wrong is not None:
            raise InvalidParameter("input", f"the model has no token {wrong}; its ids are below {self.vocabulary}.")
        taken = numpy.array(ids[:keep] if keep else ids, dtype=numpy.int32)
        return EncoderInput(taken, numpy.zeros_like(taken) if self._with_kinds else None)

    def tokens(self, text: str, special: bool) -> list[int]:
        """The tokens of a text, with those that the tokenizer puts around it or without."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=special).ids
        return ids

    def text(self, tokens: Sequence[int]) -> str:
        """The text of tokens, also of special ones."""
        found: str = self._tokenizer.decode(list(tokens), skip_special_tokens=False)
        return found

    def run(self, texts: Sequence[EncoderInput]) -> Any:
        """Run one pass; returns a float32 numpy array with a row per text. All texts must be of one group."""
        import torch

        features: dict[str, Any] = {"modality": "text", **self._padded(texts)}
        if texts[0].prompt:
            features["prompt_length"] = texts[0].prompt
        if self._threads > 1:
            small = sum(text.size for text in texts) < SMALL
            torch.set_num_threads(self._threads // 2 if small else self._threads)
        with torch.inference_mode():
            features = {
                name: value.to(self._model.device) if hasattr(value, "to") else value
                for name, value in features.items()
            }
            rows = self._finish(self._model(features)).cpu().numpy()
        self.width = rows.shape[1] if rows.ndim > 1 else 0
        return rows

    def _finish(self, made: dict[str, Any]) -> Any:
        """Vectors, normalized if the options say so; or scores from 0 to 1: one of each pair, or one of each label."""
        import torch

        if "scores" in made:
            scores = made["scores"].float()
            if len(self.labels) > 1:
                return torch.sigmoid(scores) if self.multi_label else torch.softmax(scores, dim=1)
            return torch.sigmoid(scores).reshape(-1)
        vectors = made["sentence_embedding"].float()
        return torch.nn.functional.normalize(vectors, dim=1) if self.options.normalize else vectors

    def _padded(self, texts: Sequence[EncoderInput]) -> dict[str, Any]:
        import numpy
        import torch

        longest = max(text.size for text in texts)
        ids = numpy.full((len(texts), longest), self._pad, dtype=numpy.int64)
        mask = numpy.zeros_like(ids)
        kinds = numpy.full_like(ids, self._pad_kind)
        for row, text in enumerate(texts):
            place = slice(longest - text.size, longest) if self._left else slice(0, text.size)
            ids[row, place] = text.ids
            mask[row, place] = 1
            if text.kinds is not None:
                kinds[row, place] = text.kinds
        arrays = {"input_ids": ids, "attention_mask": mask} | ({"token_type_ids": kinds} if self._with_kinds else {})
        return {name: torch.from_numpy(array) for name, array in arrays.items()}

    def _text(self, made: Any, skipped: int) -> EncoderInput:
        import numpy

        kinds = numpy.array(made.type_ids, dtype=numpy.int8) if self._with_kinds else None
        return EncoderInput(numpy.array(made.ids, dtype=numpy.int32), kinds, skipped)

    def _encode(self, texts: list[Any], keep: int) -> Any:
        with self._cut(keep):
            return self._tokenizer.encode_batch_fast(texts)

    @contextmanager
    def _cut(self, keep: int) -> Iterator[None]:
        if keep:
            self._tokenizer.enable_truncation(keep, strategy="longest_first")
        try:
            yield
        finally:
            if keep:
                self._tokenizer.no_truncation()

    def _prompt_length(self, prompt: str) -> int:
        """Number of tokens of a prompt, with the tokens that the tokenizer puts before it."""
        mask = self._tokenizer.encode(prompt).special_tokens_mask
        while mask and mask[-1]:
            mask.pop()
        return len(mask)


def load(config: ReplicaConfig, options: SentenceTransformersOptions) -> SentenceEncoder:
    """Load and warm up the model in a folder. Raises `ModelFilesInvalid` for one that needs other input than text."""
    import torch

    if options.n_threads:
        torch.set_num_threads(options.n_threads)
    device = options.device or _device(config.gpus)
    on_cpu = device == "cpu"
    dtype = options.dtype if options.dtype != "auto" else "float32" if on_cpu else "auto"
    given = {
        "device": device,
        "trust_remote_code": options.trust_remote_code,
        "local_files_only": True,
        "model_kwargs": {"dtype": dtype},
    }
    model = _ranker(config.path, given) if config.type is ModelType.RERANK else _embedder(config.path, options, given)
    modes = getattr(model[0], "modality_config", {})
    if "message" in modes:
        raise ModelFilesInvalid(
            config.path,
            "its texts would go through its tokenizer's chat template. If it was made for plain texts, save it with "
            'sentence-transformers, or give its sentence_bert_config.json a modality_config that has "text" alone.',
        )
    if "text" not in modes or not hasattr(getattr(model, "tokenizer", None), "backend_tokenizer"):
        raise ModelFilesInvalid(config.path, "it is not a plain model of texts with a tokenizer of its own.")
    model.eval()
    threads = torch.get_num_threads() if on_cpu and not options.n_threads else 0
    encoder = SentenceEncoder(model, options, batch_tokens(options, not on_cpu), threads)
    encoder.run(encoder.read(["warm"]))
    return encoder


def _embedder(path: str, options: SentenceTransformersOptions, given: dict[str, Any]) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(path, **given)
    unknown = [name for name in (options.prompt_name,) if name and name not in model.prompts]
    if unknown:
        known = ", ".join(model.prompts) or "none"
        raise InvalidParameter("prompt_name", f"the model has no prompt '{unknown[0]}'; it has {known}.")
    if options.pooling:
        pooling = next((module for module in model if hasattr(module, "pooling_mode")), None)
        if pooling is None:
            raise InvalidParameter("pooling", "the model makes one vector of a text by itself.")
        pooling.pooling_mode = options.pooling
    return model


def _ranker(path: str, given: dict[str, Any]) -> Any:
    from sentence_transformers import CrossEncoder

    return CrossEncoder(path, **given)


def _labels(config: Any) -> list[str]:
    """The names of a classifier's labels, in their order."""
    names = getattr(config, "id2label", None) or {}
    return [str(names.get(index, index)) for index in range(int(config.num_labels))]


def _device(gpus: int) -> str:
    import torch

    if gpus and torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _limit(model: Any, options: SentenceTransformersOptions) -> int:
    """Maximum tokens of a text: the smallest limit of the folder, the model's positions and the launch."""
    config = model[0].model.config
    positions = getattr(config, "max_position_embeddings", 0) or 0
    if getattr(config, "model_type", "") in OFFSET_POSITIONS:
        positions -= (getattr(config, "pad_token_id", None) or 0) + 1
    limits = [model.max_seq_length or 0, model.tokenizer.model_max_length or 0, positions]
    known = [number for number in limits if 0 < number < UNLIMITED]
    most = min(known, default=UNLIMITED)
    if options.max_length > most:
        raise InvalidParameter("max_length", f"it is {options.max_length}, and the model reads {most} tokens at most.")
    return options.max_length or most
