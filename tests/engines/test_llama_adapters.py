"""What llama.cpp is told about adapters, and the name that its answers get, however a stream is cut."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Adapter, Address, Launch, Model
from modelyard.engines.llama_cpp import engine
from modelyard.engines.llama_cpp.dialect import plan
from modelyard.engines.llama_cpp.options import LlamaConfig, configure, read
from modelyard.engines.llama_cpp.streams import ChatEvents

MODEL = Model("m", format="ggufv2", path="/m.gguf")
NAMED = (Adapter("one", "/one.gguf", "gguf"), Adapter("大", "/two.gguf", "gguf", scale=0.5))


def config(**options: object) -> LlamaConfig:
    launch = Launch("base", MODEL, "llama_cpp", options, adapters=NAMED)
    return configure(launch, "/m.gguf", Address(uds="/s"), read(launch))


def test_each_name_turns_its_adapter_on_and_all_others_off() -> None:
    assert config().loras() == {
        "base": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}],
        "one": [{"id": 0, "scale": 1.0}, {"id": 1, "scale": 0.0}],
        "大": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.5}],
    }
    always = config(lora="/always.gguf", lora_scale=0.7).loras()
    assert always["base"] == [{"id": 0, "scale": 0.7}, {"id": 1, "scale": 0.0}, {"id": 2, "scale": 0.0}]
    assert always["大"] == [{"id": 0, "scale": 0.7}, {"id": 1, "scale": 0.0}, {"id": 2, "scale": 0.5}]


def test_what_a_request_says_of_adapters_itself_does_not_count() -> None:
    body = msgspec.json.encode({"model": "one", "prompt": "a", "stream": True, "lora": [{"id": 1, "scale": 1}]})
    made = plan("/v1/completions", body, logits=True, loras=config().loras())
    assert made is not None and made.model == "one"
    assert msgspec.json.decode(made.body)["lora"] == config().loras()["one"]


@given(st.lists(st.integers(0, 400), max_size=12), st.sampled_from(["base", "one", "大"]))
def test_the_name_is_written_over_wherever_the_stream_is_cut(cuts: list[int], name: str) -> None:
    alias = config().alias()
    event = b'data: {"choices":[],"model":' + msgspec.json.encode(alias) + b',"text":"\\"model\\": \xe5\xa4\xa7"}\n\n'
    stream = event * 3
    events = ChatEvents(1, False, (alias, name))
    edges = [0, *sorted(min(cut, len(stream)) for cut in cuts), len(stream)]
    said = b"".join(events.feed(stream[start:end]) for start, end in pairwise(edges)) + events.end()
    assert said == stream.replace(alias.encode(), name.encode())
    assert msgspec.json.decode(said.split(b"\n\n")[0].removeprefix(b"data: "))["model"] == name


def test_folders_of_peft_are_refused_with_the_way_out() -> None:
    with pytest.raises(InvalidParameter, match=r"convert_lora_to_gguf\.py"):
        engine.check_adapter(Launch("base", MODEL, "llama_cpp"), Adapter("a", "/a"))
