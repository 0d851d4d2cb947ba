"""The names of ms-swift's `swift.llm` (version 2), for programs that import them: a thin coat over `modelyard.infer`.

New programs use `modelyard.infer`. `MODELYARD_INFER_BACKEND` names another engine for `get_vllm_engine` where vLLM cannot run.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass, fields, replace
from itertools import zip_longest
from typing import Any

from modelyard.catalog.swift_models import is_known, swift_models, unknown
from modelyard.client import Request
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.infer.engine import Engine
from modelyard.infer.launching import engine_of
from modelyard.infer.progress import bar
from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig
from modelyard.infer.stats import six
from modelyard.infer.swift_client import (
    generation_body,
    generation_request,
    get_model_list_client,
    get_model_list_client_async,
    inference_client,
    inference_client_async,
)

GENERATION = "default_generation"
"""The template of models that continue text."""


class _Names(type):
    """Attributes are the names themselves: `ModelType.qwen_7b_chat` is `"qwen-7b-chat"`."""

    def __getattr__(cls, name: str) -> str:
        for known in swift_models():
            if known.replace("-", "_").replace(".", "_") == name:
                return known
        raise AttributeError(unknown(name.replace("_", "-")).message)

    def __dir__(cls) -> list[str]:
        return [name.replace("-", "_").replace(".", "_") for name in swift_models()]


class ModelType(metaclass=_Names):
    """Every `model_type` as an attribute, with `_` for `-`."""

    @staticmethod
    def get_model_name_list() -> list[str]:
        """All of them."""
        return list(swift_models())


@dataclass
class XRequestConfig(RequestConfig):
    """How to answer; see `modelyard.infer.RequestConfig`."""


@dataclass
class GenerationConfig(RequestConfig):
    """How an engine answers where a call brings no settings of its own; the words of `transformers.GenerationConfig` work too."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "max_length":
            raise InvalidParameter("max_length", "counts the prompt too; set max_new_tokens.")
        if name == "do_sample":
            if not value:
                super().__setattr__("temperature", 0.0)
            return
        if name not in {field.name for field in fields(self)} | {"max_new_tokens"}:
            raise InvalidParameter(name, "is no setting of an answer.")
        super().__setattr__("max_tokens" if name == "max_new_tokens" else name, value)

    @property
    def max_new_tokens(self) -> int | None:
        """The longest answer."""
        return self.max_tokens

    @property
    def do_sample(self) -> bool:
        """Whether it draws instead of taking the likeliest token."""
        return self.temperature != 0


@dataclass(frozen=True)
class LoRARequest:
    """An adapter, as vLLM names it. The number is not used here: names tell adapters apart."""

    lora_name: str
    lora_int_id: int
    lora_path: str


@dataclass(frozen=True)
class Tokenizer:
    """Stands for the tokenizer, which is in the engine's process: it can be handed to `get_template`, and nothing else."""

    model_dir: str


@dataclass(frozen=True)
class Template:
    """Whether and how messages become a prompt. The engine does it, by the template in the model's files."""

    template_type: str
    tokenizer: Any = None

    @property
    def chats(self) -> bool:
        """Whether messages are asked for an answer, or a text for its continuation."""
        return not self.template_type.endswith("generation")


class LLMEngine(Engine):
    """An engine with the attributes that `swift.llm`'s have."""

    def __init__(self, model_type: str, torch_dtype: Any, model_id_or_path: str | None, **options: Any) -> None:
        self.model_type = model_type
        self.torch_dtype = torch_dtype
        super().__init__(model_id_or_path, model_type=model_type, **options)
        self.generation_config = GenerationConfig()
        self.model_dir = str(self.info.get("root") or "")
        self.hf_tokenizer = Tokenizer(self.model_dir)
        self.max_model_len = self.info["context_length"]
        self.is_multimodal = "vision" in self.info["model_ability"]


def get_vllm_engine(
    model_type: str,
    torch_dtype: Any = None,
    *,
    model_id_or_path: str | None = None,
    revision: str | None = None,
    gpu_memory_utilization: float | None = None,
    tensor_parallel_size: int = 1,
    max_num_seqs: int | None = None,
    max_model_len: int | None = None,
    disable_custom_all_reduce: bool = True,
    enforce_eager: bool | None = None,
    limit_mm_per_prompt: Mapping[str, Any] | None = None,
    engine_kwargs: Mapping[str, Any] | None = None,
    use_async: bool = False,
    enable_lora: bool = False,
    max_loras: int = 1,
    max_lora_rank: int = 16,
    infer_backend: str | None = None,
) -> LLMEngine:
    """Launch a model on vLLM in a child process, or on `infer_backend`. `torch_dtype` is `torch.float16` or its name.

    Raises what a launch raises. `disable_custom_all_reduce` and `use_async` change nothing here.
    """
    for name, value in (("revision", revision), ("limit_mm_per_prompt", limit_mm_per_prompt)):
        if value is not None:
            raise InvalidParameter(name, "cannot be chosen here.")
    engine = engine_of(infer_backend or Settings().infer_backend or "vllm")
    options: dict[str, Any] = {"max_model_len": max_model_len, "max_num_seqs": max_num_seqs, **(engine_kwargs or {})}
    if torch_dtype is not None:
        options["dtype"] = str(torch_dtype).removeprefix("torch.")
    if engine == "vllm":
        options |= {"gpu_memory_utilization": gpu_memory_utilization, "enforce_eager": enforce_eager}
        options |= {"enable_lora": True, "max_loras": max_loras, "max_lora_rank": max_lora_rank} if enable_lora else {}
    if tensor_parallel_size > 1:
        options["tensor_parallel_size"] = tensor_parallel_size
    if engine == "llama_cpp":
        options = {"n_ctx": max_model_len, "n_parallel": max_num_seqs}
    if engine == "fake":
        options = {}
    return LLMEngine(model_type, torch_dtype, model_id_or_path, infer_backend=engine or "auto", **options)


def get_default_template_type(model_type: str) -> str:
    """The name of a model's template. Raises `NotFound`, with near names."""
    if (known := swift_models().get(model_type)) is not None:
        return known.template
    if is_known(model_type):
        return "default"
    raise unknown(model_type)


def get_template(template_type: str, tokenizer: Any = None, *args: Any, **kwargs: Any) -> Template:
    """A template to hand to `inference_vllm`."""
    return Template(template_type, tokenizer)


def inference_vllm(
    llm_engine: LLMEngine,
    template: Template,
    request_list: Sequence[Mapping[str, Any]],
    *,
    generation_config: RequestConfig | None = None,
    generation_info: dict[str, Any] | None = None,
    max_batch_size: int | None = None,
    lora_request: LoRARequest | None = None,
    use_tqdm: bool = False,
    verbose: bool = False,
    prompt_prefix: str = "[PROMPT]",
    output_prefix: str = "[OUTPUT]",
) -> list[dict[str, Any]]:
    """`[{"response": …, "history": [[question, answer], …]}]` in the order of the requests, with `logprobs` if they are wanted.

    `generation_info` gets the six figures. The requests are not changed.
    """
    tally = _Tally(generation_info)
    config = replace(generation_config or llm_engine.generation_config, stream=False)
    asked = [_asked(llm_engine, template, each, config, lora_request) for each in request_list]
    if not asked:
        return []
    with ThreadPoolExecutor(max_batch_size or min(len(asked), 64)) as pool, bar(len(asked) if use_tqdm else 0) as tick:

        def answer(one: _Asked) -> dict[str, Any]:
            found: dict[str, Any] = llm_engine.server.client.send(one.request)
            tick()
            return found

        answers = list(pool.map(answer, asked))
    made = []
    for one, found in zip(asked, answers, strict=True):
        choice = found["choices"][0]
        response = (choice["message"]["content"] if template.chats else choice["text"]) or ""
        extra = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
        made.append({**one.answered(response), **extra})
        tally.add(found.get("usage"))
        if verbose:
            print(f"{prompt_prefix}{one.query}{output_prefix}{response}")
    tally.show()
    return made


def inference_stream_vllm(
    llm_engine: LLMEngine,
    template: Template,
    request_list: Sequence[Mapping[str, Any]],
    *,
    generation_config: RequestConfig | None = None,
    generation_info: dict[str, Any] | None = None,
    lora_request: LoRARequest | None = None,
    flush_steps: int | None = None,
    use_tqdm: bool = False,
) -> Iterator[list[dict[str, Any]]]:
    """Every step is the whole list so far: `response` grows, and the last step has the final `history`."""
    tally = _Tally(generation_info)
    config = replace(generation_config or llm_engine.generation_config, stream=True)
    asked = [_asked(llm_engine, template, each, config, lora_request) for each in request_list]
    texts = [""] * len(asked)
    usages: list[dict[str, Any]] = [{} for _ in asked]
    steps = max(1, flush_steps or 1)
    streams = [llm_engine.server.client.open(one.request) for one in asked]
    try:
        for number, chunks in enumerate(zip_longest(*streams), 1):
            for place, chunk in enumerate(chunks):
                usages[place] = (chunk or {}).get("usage") or usages[place]
                texts[place] += _piece(chunk or {}, template)
            if number % steps == 0 and any((chunk or {}).get("choices") for chunk in chunks):
                yield [one.answered(text) for one, text in zip(asked, texts, strict=True)]
    finally:
        for stream in streams:
            stream.close()
    for usage in usages:
        tally.add(usage)
    tally.show()
    if asked:
        yield [one.answered(text) for one, text in zip(asked, texts, strict=True)]


@dataclass(frozen=True)
class _Asked:
    """One question of a list, and its request."""

    query: str
    history: list[list[str]]
    request: Request[Any]

    def answered(self, response: str) -> dict[str, Any]:
        """The answer with everything that was said."""
        return {"response": response, "history": [*deepcopy(self.history), [self.query, response]]}


def _asked(
    engine: LLMEngine, template: Template, given: Mapping[str, Any], config: RequestConfig, lora: LoRARequest | None
) -> _Asked:
    query = str(given["query"])
    history = [[str(text) for text in pair] for pair in given.get("history") or ()]
    adapter = AdapterRequest(lora.lora_name, lora.lora_path) if lora else None
    engine._prepare(adapter)
    body = generation_body(
        adapter.name if adapter else engine.model,
        query,
        history,
        given.get("system"),
        images=given.get("images") or (),
        config=config,
        chat=template.chats,
    )
    return _Asked(query, history, generation_request(body))


def _piece(chunk: Mapping[str, Any], template: Template) -> str:
    """The text of a chunk."""
    for choice in chunk.get("choices") or ():
        text = (choice.get("delta") or {}).get("content") if template.chats else choice.get("text")
        return text or ""
    return ""


class _Tally:
    """Counts into a caller's dict, which is emptied first."""

    def __init__(self, info: dict[str, Any] | None) -> None:
        self._info = info
        if info is not None:
            info.clear()
        self._began = time.perf_counter()
        self._prompt = self._tokens = self._samples = 0

    def add(self, usage: Mapping[str, Any] | None) -> None:
        """One answer."""
        found = usage or {}
        self._prompt += found.get("prompt_tokens") or 0
        self._tokens += found.get("completion_tokens") or 0
        self._samples += 1

    def show(self) -> None:
        """Write the six figures."""
        if self._info is not None:
            self._info.update(six(self._prompt, self._tokens, self._samples, time.perf_counter() - self._began))


__all__ = [
    "GenerationConfig",
    "InferRequest",
    "LLMEngine",
    "LoRARequest",
    "ModelType",
    "NotFound",
    "Template",
    "XRequestConfig",
    "get_default_template_type",
    "get_model_list_client",
    "get_model_list_client_async",
    "get_template",
    "get_vllm_engine",
    "inference_client",
    "inference_client_async",
    "inference_stream_vllm",
    "inference_vllm",
]
