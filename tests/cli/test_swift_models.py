"""What ms-swift's flags about weights mean: the launch that comes of them, and the name that it gets."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import pytest

from modelyard.catalog.swift_models import name_of
from modelyard.cli.infer import dataset
from modelyard.cli.swift_models import run_options
from modelyard.compat.swift.flags import parse
from modelyard.core.errors import BadRequest
from modelyard.infer.dataset import questions
from modelyard.infer.launch_request import body

BASE = "LLM-Research/Meta-Llama-3-8B-Instruct"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a base and adapters: one with the notes of its training, one without."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "base").mkdir()
    (tmp_path / "merged").mkdir()
    for name in ("noted", "bare"):
        (tmp_path / name).mkdir()
        config = {"peft_type": "LORA", "r": 8, "base_model_name_or_path": f"/cache/{BASE}"}
        (tmp_path / name / "adapter_config.json").write_text(json.dumps(config))
    notes = {"model_type": "qwen-7b-chat", "model_id_or_path": "/nowhere", "dataset": ["self-cognition#500"]}
    (tmp_path / "noted" / "args.json").write_text(json.dumps(notes))
    return tmp_path


def launch(line: str) -> dict[str, object]:
    return body(run_options(parse(shlex.split(line))))


@pytest.mark.parametrize(
    ("line", "uid", "weights", "adapters"),
    [
        ("--model_type x --model_id_or_path base --ckpt_dir bare", "x", "base", ["default-lora=bare"]),
        ("--model_id_or_path base --ckpt_dir noted", "qwen-7b-chat", "base", ["default-lora=noted"]),
        ("--model_id_or_path base --ckpt_dir bare", "base", "base", ["default-lora=bare"]),
        (f"--model_id_or_path {BASE} --ckpt_dir bare", "llama3-8b-instruct", BASE, ["default-lora=bare"]),
        ("--model base --ckpt_dir bare --lora_modules a=noted", "base", "base", ["default-lora=bare", "a=noted"]),
        ("--model_id_or_path base --ckpt_dir merged", "merged", "merged", None),
        ("--model base --adapters noted", "base", "base", ["default-lora=noted"]),
        ("--ckpt_dir bare", "llama3-8b-instruct", "bare", None),
        ("--ckpt_dir noted", "qwen-7b-chat", "noted", None),
        ("--ckpt_dir bare --served_model_name mine", "mine", "bare", None),
    ],
)
def test_weights_and_checkpoint_become_model_and_adapters(
    place: Path, line: str, uid: str, weights: str, adapters: list[str] | None
) -> None:
    made = launch(line)
    assert made["model_uid"] == uid
    assert made["model_name"] == (weights if weights == BASE else str(place / weights))
    there = [f"{name}={place / path}" for name, path in (each.split("=") for each in adapters or [])]
    assert made.get("lora_modules") == (there or None)


def test_two_adapters_without_a_name_are_refused(place: Path) -> None:
    with pytest.raises(BadRequest, match="Two adapters are called 'default-lora'"):
        launch("--model base --ckpt_dir bare --adapters noted")


@pytest.mark.parametrize(
    ("weights", "name"),
    [
        ("Qwen/Qwen-7B-Chat", "qwen-7b-chat"),
        ("/root/.cache/modelscope/hub/LLM-Research/Meta-Llama-3-8B-Instruct", "llama3-8b-instruct"),
        ("/models/Qwen1___5-7B-Chat/", "qwen1half-7b-chat"),
        ("/h/models--meta-llama--Llama-2-7b-chat-hf/snapshots/0123", "llama2-7b-chat"),
        ("/models/meta-llama-3-8b-instruct", "llama3-8b-instruct"),
        ("/models/mine", None),
    ],
)
def test_the_model_type_is_found_from_weights(weights: str, name: str | None) -> None:
    assert name_of(weights) == name


def test_the_data_set_of_a_training_is_looked_for_with_its_checkpoint(place: Path) -> None:
    flags = parse(
        shlex.split("--model_id_or_path base --ckpt_dir noted --load_dataset_config true"), ("load_dataset_config",)
    )
    assert dataset(flags, "base") == ["self-cognition#500"]
    with pytest.raises(BadRequest, match=r"There is no file 'self-cognition#500'\. .*named datasets"):
        questions(["self-cognition#500"])
