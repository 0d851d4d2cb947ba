"""From ms-swift's terms to the body of a launch: names, paths, checkpoints and adapters, before any process is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.core.errors import AdapterInvalid, BadRequest, InvalidParameter
from modelyard.infer import Engine
from modelyard.infer.engine import named_adapters
from modelyard.infer.launch_request import LaunchSpec, absolute, body, engine_of, training
from tests.adapter_files import gguf_adapter, peft_adapter

QWEN = "qwen/Qwen2-0.5B-Instruct"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A folder of a model, as far as a launch looks at it."""
    (tmp_path / "base").mkdir()
    return tmp_path / "base"


def checkpoint(folder: Path, base: str = "", **notes: Any) -> Path:
    """An adapter beside what ms-swift notes of its training."""
    peft_adapter(folder, base=base)
    (folder / "args.json").write_text(json.dumps(notes), encoding="utf-8")
    return folder


def test_a_path_is_absolute_and_its_folder_is_the_name(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(base.parent)
    assert body(LaunchSpec(model="./base")) == {"model_name": str(base), "model_uid": "base"}
    assert body(LaunchSpec(model="owner/name")) == {"model_name": "owner/name", "model_uid": "name"}


def test_a_name_of_ours_beats_the_name_that_the_weights_have(base: Path) -> None:
    launch = body(
        LaunchSpec(model_type="qwen2-0_5b-instruct", model=str(base), served_name="mine", options={"n_ctx": 9})
    )
    assert launch == {"model_name": str(base), "model_uid": "mine", "n_ctx": 9}
    assert body(LaunchSpec(model_type="qwen2-0_5b-instruct", model=str(base)))["model_uid"] == "qwen2-0_5b-instruct"


def test_a_checkpoint_goes_by_its_training(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "checkpoint-9", model_type="qwen2-0_5b-instruct")
    assert body(LaunchSpec(model=str(folder))) == {"model_name": str(folder), "model_uid": "qwen2-0_5b-instruct"}


def test_an_adapter_goes_on_the_base_of_its_training_where_that_is_still_here(tmp_path: Path, base: Path) -> None:
    folder = checkpoint(tmp_path / "checkpoint-9", model_id_or_path=str(base))
    launch = body(LaunchSpec(model_type="qwen2-0_5b-instruct", model=str(folder)))
    assert launch == {"model_path": str(folder), "model_name": str(base), "model_uid": "qwen2-0_5b-instruct"}


def test_an_adapter_whose_base_has_gone_is_put_on_what_the_name_means(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "checkpoint-9", model="/gone/away")
    launch = body(LaunchSpec(model_type="modelyard-demo", model=str(folder)))
    assert (launch["model_path"], launch["model_name"]) == (str(folder), "modelyard-demo")


@pytest.mark.parametrize(
    ("named", "uid"), [(QWEN, "qwen2-0_5b-instruct"), ("owner/other", "other"), ("", "checkpoint-9")]
)
def test_an_adapter_without_notes_is_named_after_its_base(tmp_path: Path, named: str, uid: str) -> None:
    folder = peft_adapter(tmp_path / "checkpoint-9", base=named)
    assert body(LaunchSpec(model=str(folder)))["model_uid"] == uid


def test_an_adapter_alone_in_its_file_is_named_after_the_file(tmp_path: Path) -> None:
    gguf_adapter(tmp_path / "polite.gguf", {"blk.0.attn_q": (256, 256)})
    launch = body(LaunchSpec(model=str(tmp_path / "polite.gguf")))
    assert launch == {"model_name": str(tmp_path / "polite.gguf"), "model_uid": "polite.gguf"}


def test_a_damaged_adapter_is_refused_before_a_server_starts(tmp_path: Path) -> None:
    folder = peft_adapter(tmp_path / "cut")
    (folder / "adapter_config.json").write_text('{"peft_type', encoding="utf-8")
    with pytest.raises(AdapterInvalid, match=r"adapter_config\.json"):
        body(LaunchSpec(model=str(folder)))


def test_an_adapter_given_alone_is_launched_and_named_ones_go_with_their_model(tmp_path: Path) -> None:
    one, two = peft_adapter(tmp_path / "one"), peft_adapter(tmp_path / "two")
    alone = body(LaunchSpec(adapters=(("default-lora", str(one)), ("b", str(two)))))
    assert (alone["model_name"], alone["lora_modules"]) == (str(one), [f"b={two}"])
    both = body(LaunchSpec(model="owner/name", adapters=(("a", str(one)), ("b", str(two)))))
    assert (both["model_name"], both["lora_modules"]) == ("owner/name", [f"a={one}", f"b={two}"])


def test_a_name_of_swift_is_looked_for_where_its_files_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("modelyard.catalog.swift_models.in_cache", lambda hub, *rest: hub == "modelscope" or None)
    launch = body(LaunchSpec(model_type="qwen2-0_5b-instruct"))
    assert launch == {"model_name": QWEN, "download_hub": "modelscope", "model_uid": "qwen2-0_5b-instruct"}


def test_a_backend_that_is_misspelled_is_met_by_the_nearest() -> None:
    with pytest.raises(InvalidParameter, match="Did you mean 'transformers'"):
        engine_of("transformer")
    with pytest.raises(InvalidParameter, match="none of auto, pt") as caught:
        engine_of("qqq")
    assert "Did you mean" not in caught.value.message


@pytest.mark.parametrize("name", ["/nowhere/x", "./x", "../x", "~/nowhere-x", "a/b/c"])
def test_a_path_that_is_not_there_is_no_id_of_a_hub(name: str) -> None:
    with pytest.raises(BadRequest, match="no file or folder"):
        absolute(name)


def test_notes_of_a_training(tmp_path: Path) -> None:
    assert training(None) == {} and training(str(tmp_path)) == {}
    (tmp_path / "sft_args.json").write_text('{"seed": 1}', encoding="utf-8")
    assert training(str(tmp_path)) == {"seed": 1}
    (tmp_path / "args.json").write_text("[]", encoding="utf-8")
    assert training(str(tmp_path)) == {}, "the newest spelling rules, whatever is in it"
    (tmp_path / "args.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadRequest, match=r"args\.json"):
        training(str(tmp_path))


@pytest.mark.parametrize(
    ("given", "pairs"),
    [
        ((), []),
        ("path", [("default-lora", "path")]),
        (["a=one", "two"], [("a", "one"), ("default-lora", "two")]),
        ({"a": "one=x"}, [("a", "one=x")]),
    ],
)
def test_adapters_as_programs_write_them(given: Any, pairs: list[tuple[str, str]]) -> None:
    assert named_adapters(given) == pairs


@pytest.mark.parametrize("given", [["a", "b"], ["x=a", "x=b"]])
def test_two_adapters_of_one_name_are_refused(given: list[str]) -> None:
    with pytest.raises(BadRequest, match="Two adapters are called"):
        Engine("owner/name", adapters=given)
