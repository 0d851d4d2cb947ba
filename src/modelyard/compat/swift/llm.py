"""The names of ms-swift's module `swift.llm` (version 2), on top of `modelyard.infer`, for programs that import them.

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
from modelyard.compat.swift.client import (
    generation_body,
    generation_request,
    get_model_list_client,
    get_model_list_client_async,
    inference_client,
    inference_client_async,
)
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, NotFound
from modelyard.infer.engine import Engine
from modelyard.infer.launch_request import engine_of
from modelyard.infer.progress import bar
from modelyard.infer.requests import AdapterRequest, InferRequest, RequestConfig
from modelyard.infer.stats import six

GENERATION = "default_generation"
"""The template of models that continue text instead of chatting."""


class _Names(type):
    """Makes each model type an attribute: `ModelType.qwen_7b_chat` is `"qwen-7b-chat"`."""

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
        """List all model types."""
        return list(swift_models())


@dataclass
class XRequestConfig(RequestConfig):
    """Sampling parameters under swift's name; see `modelyard.infer.RequestConfig`."""


@dataclass
class GenerationConfig(RequestConfig):
    """An engine's default sampling parameters. `max_new_tokens` and `do_sample` of `transformers.GenerationConfig` work too."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "max_length":
            raise InvalidParameter("max_length", "counts the prompt too; set max_new_tokens.")
        if name == "do_sample":
            if not value:
                super().__setattr__("temperature", 0.0)
            return
        if name not in {field.name for field in fields(self)} | {"max_new_tokens"}:
            raise InvalidParameter(name, "it is no setting of an answer.")
        super().__setattr__("max_tokens" if name == "max_new_tokens" else name, value)

    @property
    def max_new_tokens(self) -> int | None:
        """The most tokens of an answer."""
        return self.max_tokens

    @property
    def do_sample(self) -> bool:
        """Whether tokens are sampled; if not, the likeliest one is taken."""
        return self.temperature != 0


@dataclass(frozen=True)
class LoRARequest:
    """An adapter in vLLM's form. The number has no effect: adapters are told apart by name."""

    lora_name: str
    lora_int_id: int
    lora_path: str


@dataclass(frozen=True)
class Tokenizer:
    """A placeholder to pass to `get_template`. The tokenizer itself is in the engine's process."""

    model_dir: str


@dataclass(frozen=True)
class Template:
    """Says whether a model chats. The engine renders messages with the chat template in the model's files."""

    template_type: str
    tokenizer: Any = None

    @property
    def chats(self) -> bool:
        """Whether the model answers messages; if not, it continues a text."""
        return not self.template_type.endswith("generation")


class LLMEngine(Engine):
    """An engine with the attributes of an engine of `swift.llm`."""

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

    Raises the errors of a launch. `disable_custom_all_reduce` and `use_async` have no effect.
    """
    for name, value in (("revision", revision), ("limit_mm_per_prompt", limit_mm_per_prompt)):
        if value is not None:
            raise InvalidParameter(name, "it cannot be chosen here.")
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
    """Return the name of a model's template. Raises `NotFound`, which suggests similar names."""
    if (known := swift_models().get(model_type)) is not None:
        return known.template
    if is_known(model_type):
        return "default"
    raise unknown(model_type)


def get_template(template_type: str, tokenizer: Any = None, *args: Any, **kwargs: Any) -> Template:
    """Return a template for `inference_vllm`."""
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
    """Answer requests: `[{"response": …, "history": [[question, answer], …]}]` in their order, with `logprobs` if requested.

    `generation_info` is filled with the six figures of a run. The requests are not changed.
    """
    tally = _Tally(generation_info)
    config = replace(generation_config or llm_engine.generation_config, stream=False)
    questions = [_prepare(llm_engine, template, each, config, lora_request) for each in request_list]
    if not questions:
        return []
    with (
        ThreadPoolExecutor(max_batch_size or min(len(questions), 64)) as pool,
        bar(len(questions) if use_tqdm else 0) as tick,
    ):

        def answer(one: _PreparedQuestion) -> dict[str, Any]:
            body: dict[str, Any] = llm_engine.server.client.send(one.request)
            tick()
            return body

        answers = list(pool.map(answer, questions))
    results = []
    for one, body in zip(questions, answers, strict=True):
        choice = body["choices"][0]
        response = (choice["message"]["content"] if template.chats else choice["text"]) or ""
        extra = {"logprobs": choice["logprobs"]} if choice.get("logprobs") else {}
        results.append({**one.result(response), **extra})
        tally.add(body.get("usage"))
        if verbose:
            print(f"{prompt_prefix}{one.query}{output_prefix}{response}")
    tally.write()
    return results


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
    """Answer requests in steps. Each step has the whole list, whose texts grow; the last step is complete."""
    tally = _Tally(generation_info)
    config = replace(generation_config or llm_engine.generation_config, stream=True)
    questions = [_prepare(llm_engine, template, each, config, lora_request) for each in request_list]
    texts = [""] * len(questions)
    usages: list[dict[str, Any]] = [{} for _ in questions]
    steps = max(1, flush_steps or 1)
    streams = [llm_engine.server.client.open(one.request) for one in questions]
    try:
        for number, chunks in enumerate(zip_longest(*streams), 1):
            for place, chunk in enumerate(chunks):
                usages[place] = (chunk or {}).get("usage") or usages[place]
                texts[place] += _piece(chunk or {}, template)
            if number % steps == 0 and any((chunk or {}).get("choices") for chunk in chunks):
                yield [one.result(text) for one, text in zip(questions, texts, strict=True)]
    finally:
        for stream in streams:
            stream.close()
    for usage in usages:
        tally.add(usage)
    tally.write()
    if questions:
        yield [one.result(text) for one, text in zip(questions, texts, strict=True)]


@dataclass(frozen=True)
class _PreparedQuestion:
    """A question of the list with its history, and the request that asks it."""

    query: str
    history: list[list[str]]
    request: Request[Any]

    def result(self, response: str) -> dict[str, Any]:
        """Return the answer with the whole history."""
        return {"response": response, "history": [*deepcopy(self.history), [self.query, response]]}


def _prepare(
    engine: LLMEngine, template: Template, question: Mapping[str, Any], config: RequestConfig, lora: LoRARequest | None
) -> _PreparedQuestion:
    query = str(question["query"])
    history = [[str(text) for text in pair] for pair in question.get("history") or ()]
    adapter = AdapterRequest(lora.lora_name, lora.lora_path) if lora else None
    engine._prepare(adapter)
    body = generation_body(
        adapter.name if adapter else engine.model,
        query,
        history,
        question.get("system"),
        images=question.get("images") or (),
        config=config,
        chat=template.chats,
    )
    return _PreparedQuestion(query, history, generation_request(body))


def _piece(chunk: Mapping[str, Any], template: Template) -> str:
    """Return the text of a chunk."""
    for choice in chunk.get("choices") or ():
        text = (choice.get("delta") or {}).get("content") if template.chats else choice.get("text")
        return text or ""
    return ""


class _Tally:
    """Counts tokens and time into the caller's dict, which is emptied first."""

    def __init__(self, info: dict[str, Any] | None) -> None:
        self._info = info
        if info is not None:
            info.clear()
        self._began = time.perf_counter()
        self._prompt = self._tokens = self._samples = 0

    def add(self, usage: Mapping[str, Any] | None) -> None:
        """Count one answer."""
        counts = usage or {}
        self._prompt += counts.get("prompt_tokens") or 0
        self._tokens += counts.get("completion_tokens") or 0
        self._samples += 1

    def write(self) -> None:
        """Write the six figures into the caller's dict."""
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
