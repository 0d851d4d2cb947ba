"""The adapters that a launch names: every spelling, the base of one that is launched by itself, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.control.adapter_files import DEFAULT_NAME, check, separated
from modelyard.core.errors import AdapterInvalid, AdapterNotFound, InvalidParameter
from modelyard.core.types import Adapter, Launch, Model, ModelType
from modelyard.protocol.models import LaunchRequest
from tests.adapter_files import peft_adapter


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("adapters")
    for name in ("one", "two"):
        peft_adapter(made / name, base="owner/base")
    peft_adapter(made / "orphan")
    return made


def named(**body: Any) -> list[tuple[str, str, float]]:
    """Name, folder and scale of each adapter of a launch."""
    found = separated(LaunchRequest.model_validate({"model_name": "m", **body}))[1]
    return [(each.name, Path(each.path).name, each.scale) for each in found]


def test_every_spelling_of_a_list_names_the_same_adapters(folder: Path) -> None:
    one, two = str(folder / "one"), str(folder / "two")
    objects = [{"name": "a", "path": one}, {"lora_name": "b", "lora_path": two}]
    for modules in (
        [f"a={one}", f"b={two}"],
        [f" a = {one} ", f"b={two}"],
        f"a={one} b={two}",
        f"a={one}, b={two}",
        {"a": one, "b": two},
        objects,
        json.dumps(objects),
        f"  {json.dumps({'a': one, 'b': two})}",
    ):
        assert named(lora_modules=modules) == [("a", "one", 1.0), ("b", "two", 1.0)], modules


def test_one_object_is_one_adapter_with_its_scale(folder: Path) -> None:
    one = str(folder / "one")
    assert named(lora_modules={"name": "a", "path": one, "scale": 2}) == [("a", "one", 2.0)]
    assert named(lora_modules={"lora_name": "a", "lora_path": one, "lora_scale": 0.5}) == [("a", "one", 0.5)]
    assert named(lora_modules=None) == named(lora_modules=[]) == named(lora_modules="") == named() == []


def test_the_list_of_xinference_gives_names_where_it_has_none(folder: Path) -> None:
    entries = [{"local_path": str(folder / "one")}, {"local_path": str(folder / "two")}]
    assert named(peft_model_config={"lora_list": entries}) == [(DEFAULT_NAME, "one", 1.0), ("lora-2", "two", 1.0)]
    entries[0]["lora_name"] = "own"
    assert named(peft_model_config={"lora_list": entries})[0] == ("own", "one", 1.0)
    assert named(peft_model_config={}) == named(peft_model_config={"lora_list": None}) == []
    both = named(lora_modules=[f"a={folder / 'two'}"], peft_model_config={"lora_list": entries[:1]})
    assert [name for name, *_ in both] == ["a", "own"]


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        ({"lora_modules": ["=path"]}, "lora_modules", "'=path' is not of the form name=path"),
        ({"lora_modules": ["name="]}, "lora_modules", "'name=' is not of the form"),
        ({"lora_modules": [7]}, "lora_modules", "'7' is not of the form"),
        ({"lora_modules": True}, "lora_modules", "is a list of name=path"),
        ({"lora_modules": "{"}, "lora_modules", "is not JSON"),
        ({"lora_modules": [{"path": "/x"}]}, "lora_modules", "needs a name and a path"),
        ({"lora_modules": [{"name": "a", "path": 5}]}, "lora_modules", "needs a name and a path"),
        ({"lora_modules": [{"name": "a", "path": "/x", "scale": True}]}, "lora_modules", "scale of 'a' is no number"),
        ({"peft_model_config": {"lora_list": {"a": 1}}}, "peft_model_config", "is a list of objects"),
        ({"peft_model_config": {"lora_list": ["/x"]}}, "peft_model_config", "needs a local_path"),
        ({"peft_model_config": {"lora_list": [{"lora_name": "a"}]}}, "peft_model_config", "needs a local_path"),
    ],
    ids=str,
)
def test_an_entry_that_cannot_be_read_is_refused_by_its_parameter(body: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(InvalidParameter, match=words) as refused:
        named(**body)
    assert refused.value.param == param


def test_two_adapters_of_one_name_are_refused(folder: Path) -> None:
    one, two = folder / "one", folder / "two"
    with pytest.raises(InvalidParameter, match="two adapters are called 'b'"):
        named(lora_modules=[f"a={one}", f"b={one}", f"b={two}"])
    with pytest.raises(AdapterNotFound):
        named(lora_modules=[f"a={folder / 'none'}"])


@pytest.mark.parametrize("field", ["model_path", "model_name"])
def test_an_adapter_that_is_launched_by_itself_brings_its_base(folder: Path, field: str) -> None:
    """Every other field of the request stays."""
    body = {field: str(folder / "one"), "replica": 3, "n_ctx": 77, "lora_modules": [f"b={folder / 'two'}"]}
    request, adapters = separated(LaunchRequest.model_validate(body))
    assert (request.model_name, request.model_path, request.replica) == ("owner/base", None, 3)
    assert request.model_extra == {"n_ctx": 77}
    assert [each.name for each in adapters] == [DEFAULT_NAME, "b"]


def test_a_base_that_the_request_names_goes_before_the_one_of_the_files(folder: Path) -> None:
    for path in ("one", "orphan"):
        body = {"model_name": "mine", "model_path": str(folder / path)}
        request, (adapter,) = separated(LaunchRequest.model_validate(body))
        assert (request.model_name, request.model_path, adapter.name) == ("mine", None, DEFAULT_NAME)


def test_a_base_that_is_nowhere_has_to_be_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="do not name its base model; give that as model_name"):
        separated(LaunchRequest.model_validate({"model_path": str(folder / "orphan")}))
    for base in ("/gone/base", "~/gone", "./gone"):
        peft_adapter(tmp_path / "a", base=base)
        with pytest.raises(InvalidParameter, match=f"is an adapter of '{base}', which is not on this machine"):
            separated(LaunchRequest.model_validate({"model_path": str(tmp_path / "a")}))
    (tmp_path / "base").mkdir()
    peft_adapter(tmp_path / "a", base=str(tmp_path / "base"))
    request, _ = separated(LaunchRequest.model_validate({"model_path": str(tmp_path / "a")}))
    assert request.model_name == str(tmp_path / "base")


def test_a_launch_without_adapters_stays_as_it_is() -> None:
    request = LaunchRequest.model_validate({"model_name": "m", "n_ctx": 5})
    assert separated(request) == (request, ())
    assert separated(request)[0] is request


def test_adapters_are_checked_against_name_engine_and_model(folder: Path) -> None:
    adapter = Adapter("a", str(folder / "one"), rank=8)
    launch = Launch("m", Model("m", format="fake"), "fake")
    check(launch, [adapter])
    with pytest.raises(InvalidParameter, match="'m' is the name of the model itself"):
        check(launch, [adapter, Adapter("m", str(folder / "two"))])
    with pytest.raises(AdapterInvalid, match="adapters are for language models"):
        check(Launch("m", Model("m", format="fake", type=ModelType.EMBEDDING), "fake"), [adapter])
    with pytest.raises(InvalidParameter, match="the external engine does not load adapters"):
        check(Launch("m", Model("m", format="remote"), "external"), [adapter])
