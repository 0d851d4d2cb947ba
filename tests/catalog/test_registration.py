"""Records of families, in both generations: what they become, how they are shown again, and what is wrong with bad ones."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.catalog.family import ModelSource
from modelyard.catalog.index import FAMILIES
from modelyard.catalog.record import by_ability, prompts, record
from modelyard.catalog.registration import check_abilities, local_path, parse
from modelyard.core.errors import RegistrationInvalid
from modelyard.core.types import ModelType

# The record of the seed, as it stands there.
SEED = (
    '{"version":1,"context_length":2048,"model_name":"Yi-34B-Chat","model_lang":["en","zh"],"model_ability":["chat"],'
    '"model_description":"This is a custom model description.","model_family":"Yi-chat","model_specs":[{"model_format":'
    '"ggufv2","model_size_in_billions":34,"quantizations":[""],"model_id":"","model_file_name_template":'
    '"yi-34b-chat.Q4_K_M.gguf","model_uri":"/TRTDir/Models/Yi-34B-Chat-GGUF"}],"prompt_style":{"style_name":"CHATML",'
    '"system_prompt":"","roles":["<|im_start|>user","<|im_start|>assistant"],"intra_message_sep":"<|im_end|>",'
    '"inter_message_sep":"","stop":["<|endoftext|>","<|im_start|>","<|im_end|>","<|im_sep|>"],"stop_token_ids":[2,6,7,8]}}'
)

SECOND: dict[str, Any] = {
    "version": 2,
    "model_name": "my-model",
    "context_length": 4096,
    "model_lang": ["en"],
    "model_ability": ["chat", "tools"],
    "model_description": "模型",
    "model_family": "other",
    "model_specs": [
        {
            "model_format": "pytorch",
            "model_size_in_billions": "0_5",
            "quantization": "none",
            "model_id": None,
            "model_uri": "file:///models/my%20model",
        }
    ],
    "chat_template": "{% if tools %}{{ tools }}{% endif %}{% for message in messages %}{{ message.content }}{% endfor %}",
    "stop_token_ids": [7],
    "stop": ["</s>"],
    "reasoning_start_tag": "<think>",
    "reasoning_end_tag": "</think>",
    "virtualenv": {"packages": []},
}


def changed(**fields: Any) -> dict[str, Any]:
    return {**SECOND, **fields}


def with_spec(**fields: Any) -> dict[str, Any]:
    return changed(model_specs=[{**SECOND["model_specs"][0], **fields}])


# What records become


def test_the_record_of_the_seed() -> None:
    family = parse(ModelType.LLM, SEED, FAMILIES)
    (spec,) = family.specs
    assert (family.name, family.version, family.context_length, family.family) == ("Yi-34B-Chat", 1, 2048, "Yi-chat")
    assert spec.src == {"local": ModelSource(path="/TRTDir/Models/Yi-34B-Chat-GGUF", file="yi-34b-chat.Q4_K_M.gguf")}
    assert (spec.format, spec.size_in_billions, spec.quantizations) == ("ggufv2", 34, ["none"])
    assert family.prompt_style is not None and family.prompt_style.style_name == "CHATML"
    assert family.stops == ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_sep|>"]
    assert family.stop_ids == [2, 6, 7, 8]
    assert family.rules_template and "<|im_start|>user" in (family.template or "")


def test_the_record_of_the_second_generation() -> None:
    family = parse(ModelType.LLM, SECOND, FAMILIES)
    assert family.version == 2 and family.rules_template
    assert family.template == SECOND["chat_template"] and family.stop == ["</s>"] and family.stop_token_ids == [7]
    assert family.specs[0].src == {"local": ModelSource(path="/models/my model")}
    assert family.reasoning_start_tag == "<think>"


def test_a_prompt_style_by_the_name_of_a_model_or_of_a_style() -> None:
    by_model = parse(ModelType.LLM, changed(chat_template=None, prompt_style="baichuan-chat"), FAMILIES)
    assert by_model.prompt_style == FAMILIES.get("baichuan-chat").prompt_style
    by_style = parse(ModelType.LLM, changed(chat_template=None, prompt_style="gemma"), FAMILIES)
    assert by_style.prompt_style is not None and by_style.prompt_style.style_name == "gemma"
    assert by_model.rules_template and by_style.rules_template


def test_a_chat_template_by_the_name_of_a_model() -> None:
    family = parse(ModelType.LLM, changed(chat_template="qwen-chat", stop=None, stop_token_ids=None), FAMILIES)
    qwen = FAMILIES.get("qwen-chat")
    assert family.template == qwen.template and family.stops == qwen.stops and family.rules_template


def test_a_record_that_only_says_where_the_files_are_leaves_the_rest_to_them() -> None:
    family = parse(
        ModelType.LLM, {"model_name": "x", "model_specs": [{"model_uri": "/m", "model_format": "ggufv2"}]}, FAMILIES
    )
    assert (family.abilities, family.template, family.context_length) == ([], None, 0)


def test_weights_on_a_hub_and_on_several() -> None:
    one = parse(
        ModelType.LLM, with_spec(model_uri=None, model_id="a/b-{quantization}", model_hub="modelscope"), FAMILIES
    )
    assert one.specs[0].src == {"modelscope": ModelSource(model_id="a/b-{quantization}")}
    source = {"huggingface": {"model_id": "a/b", "quantizations": ["Int4"]}, "modelscope": {"model_id": "c/d"}}
    two = parse(ModelType.LLM, with_spec(model_uri=None, model_src=source), FAMILIES)
    assert two.specs[0].quantizations_of(two.specs[0].src["huggingface"]) == ["Int4"]


@pytest.mark.parametrize(
    ("type", "body", "abilities"),
    [
        (ModelType.EMBEDDING, {"dimensions": 768, "max_tokens": 512, "language": ["en"], "model_id": "a/b"}, ["embed"]),
        (ModelType.RERANK, {"type": "normal", "max_tokens": 512, "language": "zh", "model_uri": "/r"}, ["rerank"]),
        (ModelType.IMAGE, {"model_family": "stable_diffusion", "model_uri": "/i", "controlnet": []}, []),
        (ModelType.AUDIO, {"model_family": "whisper", "multilingual": True, "model_id": "a/b"}, []),
        (ModelType.VIDEO, {"model_family": "Wan", "model_ability": ["text2video"], "model_id": "a/b"}, ["text2video"]),
    ],
)
def test_the_short_records_of_other_types(type: ModelType, body: dict[str, Any], abilities: list[str]) -> None:
    family = parse(type, {"model_name": "mine", **body}, FAMILIES)
    assert (family.type, family.abilities, len(family.specs)) == (type, abilities, 1)
    shown = record(family, built_in=False)
    assert shown["model_name"] == "mine" and shown["model_specs"][0]["model_id"] == body.get("model_id")


@pytest.mark.parametrize(
    ("ability", "template", "format", "refused"),
    [
        ("vision", "{{ messages[0].content }}", "pytorch", True),
        ("vision", "{{ messages[0].content }}", "ggufv2", False),
        ("vision", "{% if part.type == 'image' %}<|image_pad|>{% endif %}", "pytorch", False),
        ("vision", None, "pytorch", False),
        ("tools", "{{ messages[0].content }}", "ggufv2", True),
        ("tools", "{% if tools %}{{ tools | tojson }}{% endif %}", "pytorch", False),
        ("chat", "{{ messages[0].content }}", "pytorch", False),
    ],
)
def test_an_ability_that_the_template_rules_out(ability: str, template: str | None, format: str, refused: bool) -> None:
    spec = {"model_format": format, "model_uri": "/m"}
    body = {"model_name": "x", "model_ability": ["chat", ability], "model_specs": [spec], "chat_template": template}
    family = parse(ModelType.LLM, body, FAMILIES)
    expected = (
        pytest.raises(RegistrationInvalid, match=f"model_ability: '{ability}' takes") if refused else nullcontext()
    )
    with expected:
        check_abilities(family)


# What is shown

OLD_FIELDS = {
    "version", "context_length", "model_name", "model_lang", "model_ability", "model_description", "model_family",
    "model_specs", "prompt_style",
}  # fmt: skip
OLD_SPEC_FIELDS = {
    "model_format", "model_size_in_billions", "quantizations", "model_id", "model_file_name_template", "model_hub",
    "model_uri", "model_revision", "cache_status",
}  # fmt: skip


def test_an_old_family_is_shown_as_the_seed_shows_it() -> None:
    shown = record(FAMILIES.get("baichuan"), built_in=True)
    assert set(shown) >= OLD_FIELDS and shown["version"] == 1 and shown["prompt_style"] is None
    assert shown["model_family"] is None and shown["is_builtin"] is True
    first = shown["model_specs"][0]
    assert set(first) >= OLD_SPEC_FIELDS
    assert (first["model_format"], first["model_id"]) == ("ggmlv3", "TheBloke/baichuan-llama-7B-GGML")
    assert first["cache_status"] == [False] * 14 and first["model_uri"] is None and first["model_hub"] == "huggingface"
    assert first["quantization"] == first["quantizations"][0] == "q2_K"
    second = shown["model_specs"][1]
    assert second["quantizations"] == ["4-bit", "8-bit", "none"] and second["quantization"] == "none"


RECORDS = [
    (ModelType.LLM, json.loads(SEED)),
    (ModelType.LLM, {"zeta": [1, {"b": None, "a": 1e3}], "model_name": "mine", "model_specs": [{"model_uri": "/m", "x": ""}]}),
    (ModelType.LLM, {
        "model_name": "hubs", "version": 2, "model_description": "",
        "model_specs": [
            {"model_hub": "modelscope", "model_id": "a/b", "model_revision": "", "quantization": "none"},
            {"model_src": {"modelscope": {"quantizations": [""], "model_id": "a/b"}}, "quantizations": ["", "q4"]},
        ],
    }),
    (ModelType.IMAGE, {"model_name": "i", "model_specs": None, "model_uri": "/i", "model_ability": "text2image"}),
    (ModelType.EMBEDDING, {"dimensions": 8, "model_name": "e", "model_id": "a/b", "language": "en", "context_length": None}),
    (ModelType.RERANK, {"type": "unknown", "model_name": "r", "model_specs": [{"model_format": "PYTORCH", "model_uri": "file:///r"}]}),
]  # fmt: skip


@pytest.mark.parametrize(("type", "given"), RECORDS)
def test_what_was_registered_is_shown_as_it_was_sent(type: ModelType, given: dict[str, Any]) -> None:
    """Every field, unknown ones too, in the order in which they were sent; ours stand behind them."""
    family = parse(type, json.dumps(given), FAMILIES)
    for shown in (record(family, built_in=False, full=full) for full in (False, True)):
        sent, ours = list(given), list(shown)
        assert ours[: len(sent)] == sent and shown["is_builtin"] is False and "cache_status" in shown["model_specs"][0]
        assert {key: shown[key] for key in sent if key != "model_specs"} == {
            key: given[key] for key in sent if key != "model_specs"
        }
        for now, then in zip(shown["model_specs"], given.get("model_specs") or [], strict=False):
            assert list(now)[: len(then)] == list(then) and {key: now[key] for key in then} == then
            assert len(now["cache_status"]) == len(now["quantizations"])


def test_a_record_that_is_shown_can_be_registered_again() -> None:
    """What is inside does not change when a record goes round."""
    for type, sent in RECORDS:
        family = parse(type, sent, FAMILIES)
        again = parse(type, record(family, built_in=False), FAMILIES)
        assert (again.stops, again.stop_ids, again.template) == (family.stops, family.stop_ids, family.template)
        told: dict[str, Any] = {"sent": None, "stop": [], "stop_token_ids": []}
        assert msgspec.structs.replace(again, **told) == msgspec.structs.replace(family, **told)


@pytest.mark.parametrize("type", ModelType)
def test_every_family_of_the_catalog_could_be_registered_as_it_is_shown(type: ModelType) -> None:
    for family in FAMILIES.families(type):
        if any(set(spec.src) == {"package"} or not spec.src for spec in family.specs):
            continue
        shown = record(family, built_in=True, full=True)
        for spec in shown["model_specs"]:  # a path is where the files of one source are, and none of the others
            spec["model_src"] = {hub: source for hub, source in spec["model_src"].items() if hub != "package"}
        again = parse(type, json.dumps(shown), FAMILIES)
        assert again.name == family.name and again.template == family.template
        wanted = {(hub, source.model_id) for spec in family.specs for hub, source in spec.src.items()}
        assert {(hub, source.model_id) for spec in again.specs for hub, source in spec.src.items()} == wanted


def test_a_lean_record_has_one_hub_and_a_full_one_all() -> None:
    family = FAMILIES.get("qwen2.5-instruct", ModelType.LLM)
    lean, full = record(family, built_in=True), record(family, built_in=True, full=True)
    assert "model_src" not in lean["model_specs"][0]
    assert set(full["model_specs"][0]["model_src"]) == set(family.specs[0].src)
    assert len(lean["model_specs"]) == len(full["model_specs"]) == len(family.specs)


def test_what_is_on_this_machine_is_told_per_quantisation() -> None:
    def asked(hub: str, source: ModelSource, quantization: str) -> bool:
        return quantization == "q4_0"

    first = record(FAMILIES.get("baichuan"), built_in=True, cached=asked)["model_specs"][0]
    assert first["cache_status"] == [name == "q4_0" for name in first["quantizations"]]


SEVEN = ["style_name", "system_prompt", "roles", "intra_message_sep", "inter_message_sep", "stop", "stop_token_ids"]


def test_prompts_have_the_seven_fields() -> None:
    found = prompts(FAMILIES.families(ModelType.LLM))
    assert len(found) > 170 and all(list(one)[:7] == SEVEN for one in found.values())
    assert found["baichuan-chat"]["inter_message_sep"] == "</s>" and found["baichuan-chat"]["stop"] is None
    assert found["qwen3"]["stop_token_ids"] and found["qwen3"]["reasoning_start_tag"] == "<think>"
    assert found["qwen3"]["chat_template"] is None
    assert found["qwen3"]["style_name"] == "chat_template" and found["qwen3"]["roles"] == ["user", "assistant"]


def test_a_prompt_that_is_listed_can_be_sent_as_a_style() -> None:
    for one in prompts(FAMILIES.families(ModelType.LLM)).values():
        style = {key: one[key] for key in SEVEN}
        family = parse(ModelType.LLM, changed(prompt_style=style, stop=None, stop_token_ids=None), FAMILIES)
        assert family.stops == (one["stop"] or []) and family.stop_ids == (one["stop_token_ids"] or [])
        assert (family.prompt_style is None) is (one["style_name"] == "chat_template")


def test_abilities_list_their_models() -> None:
    found = by_ability(FAMILIES.families(ModelType.LLM))
    assert set(found) == {"chat", "generate", "tools", "vision", "reasoning", "audio", "omni", "hybrid"}
    assert "qwen3" in found["hybrid"] and "baichuan" in found["generate"] and all(found.values())


# What is refused

DEEP = "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"model_name": "x', "is not JSON"),
        ("", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"model_name": "\ud800"}', "is not JSON"),
        ("[1]", "must be a JSON object"),
        ('"text"', "must be a JSON object"),
        ("null", "must be a JSON object"),
        ({}, "model_name"),
        (changed(model_name=3), "model_name"),
        (changed(model_name=None), "model_name"),
        *((changed(model_name=name), "must begin with a letter or digit") for name in (
            "", ".", "..", "../x", "a/b", "a..b", "a b", "-x", "_x", "a\nb", "a\0b", "a" * 101, "a?b", "a%2Fb", "名 字", "🙂",
        )),
        (changed(context_length=0), "context_length"),
        (changed(context_length=-1), "context_length"),
        (changed(context_length="long"), "context_length"),
        (changed(context_length=10**30), "context_length"),
        (changed(version=3), "version"),
        (changed(model_lang=3), "model_lang"),
        (changed(model_ability=[3]), "model_ability[0]"),
        (changed(stop_token_ids=["x"]), "stop_token_ids[0]"),
        (changed(stop_token_ids=[10**30]), "stop_token_ids[0]"),
        (changed(model_specs=[]), "at least one entry"),
        (changed(model_specs=None), "at least one entry"),
        (changed(model_specs={}), "model_specs"),
        (changed(model_specs=["x"]), "model_specs[0]"),
        (changed(chat_template="{% for x in %}"), "chat_template does not parse: line 1"),
        (changed(chat_template="{{ messages"), "chat_template does not parse"),
        (changed(chat_template=DEEP), "nested too deeply"),
        (changed(chat_template="no-such-model"), "neither a Jinja template nor"),
        (changed(prompt_style="no-such-style"), "neither a model of the catalog"),
        (changed(prompt_style="qwen3"), "neither a model of the catalog"),
        (changed(prompt_style={"style_name": "CHATMLL"}), "Did you mean 'CHATML'"),
        (changed(prompt_style={}), "prompt_style"),
        (changed(prompt_style={"style_name": "CHATML", "roles": "x"}), "prompt_style.roles"),
        (with_spec(model_format="zip"), "model_specs[0].model_format: 'zip' is none of pytorch"),
        (with_spec(model_size_in_billions="big"), "model_specs[0].model_size_in_billions"),
        (with_spec(model_size_in_billions=-1), "model_specs[0].model_size_in_billions"),
        (with_spec(model_size_in_billions="nan"), "model_specs[0].model_size_in_billions"),
        (with_spec(model_uri=None), "either it or model_id"),
        (with_spec(model_uri="relative/path"), "must be an absolute path"),
        (with_spec(model_uri="file://relative"), "is not on this machine"),
        (with_spec(model_uri="s3://bucket/key"), "is not on this machine"),
        (with_spec(model_uri="https://host/model.gguf"), "is not on this machine"),
        (with_spec(model_uri="file:///a%00b"), "absolute path"),
        (with_spec(model_uri="http://[::1"), "is not a URI"),
        (with_spec(model_uri=None, model_id="a/b", model_hub="my_hub"), "model_hub: 'my_hub' is none of"),
    ],
)  # fmt: skip
def test_bad_records_are_refused_with_the_field(body: Any, words: str) -> None:
    with pytest.raises(RegistrationInvalid) as caught:
        parse(ModelType.LLM, body, FAMILIES)
    assert words in caught.value.message


@pytest.mark.parametrize("name", ["x", "Qwen2.5-0.5B", "a_b-c.d", "我的模型", "模型-1", "0", "é", "x" * 100])
def test_names_that_are_allowed(name: str) -> None:
    assert parse(ModelType.LLM, changed(model_name=name), FAMILIES).name == name


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("/a/b", "/a/b"),
        ("file:///a/b", "/a/b"),
        ("file://localhost/a", "/a"),
        ("file:///%E6%A8%A1", "/模"),
        ("/a%20b", "/a%20b"),
    ],
)
def test_paths(uri: str, path: str) -> None:
    assert local_path(uri, "model_uri") == path


def test_templates_that_only_transformers_understands_parse() -> None:
    text = "{% for m in messages %}{% break %}{%- generation %}{{ m.content }}{% endgeneration -%}{% endfor %}"
    assert parse(ModelType.LLM, changed(chat_template=text), FAMILIES).template == text


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*SECOND, "x"]), inner, max_size=4),
    max_leaves=12,
)


@given(
    st.dictionaries(st.sampled_from([*SECOND, *SECOND["model_specs"][0], "prompt_style"]), anything),
    st.sampled_from(ModelType),
)
def test_nothing_else_is_ever_raised(body: dict[str, Any], type: ModelType) -> None:
    try:
        parse(type, {"model_name": "x", "model_uri": "/m", **body}, FAMILIES)
    except RegistrationInvalid as error:
        assert error.message.startswith("This cannot be registered: ")
