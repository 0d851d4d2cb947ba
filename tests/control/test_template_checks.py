"""The chat template of a launch: whose abilities it changes, and which files are read as one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from modelyard.control.template_checks import MOST_BYTES, templated
from modelyard.core.errors import InvalidParameter
from modelyard.core.types import Json, Launch, Model, ModelType

TOOLS = "{% if tools %}{{ tools | tojson }}{% endif %}{{ messages[0].content }}"
MODEL = Model("m", path="/m", format="ggufv2", abilities=("generate", "chat"))


def launch(given: Json, model: Model = MODEL) -> Launch:
    return Launch("m", model, "llama_cpp", {} if given is None else {"chat_template": given})


def test_a_template_with_tools_gives_the_ability(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tools.jinja").write_text(TOOLS)
    monkeypatch.setenv("HOME", str(tmp_path))
    for given in (TOOLS, str(tmp_path / "tools.jinja"), "~/tools.jinja"):
        assert "tools" in templated(launch(given)).model.abilities, given


@pytest.mark.parametrize("given", [None, "", 5, True, ["{{ tools }}"], "chatml", "/no/such/file", "/", "."])
def test_what_is_neither_text_nor_file_changes_nothing(given: Json) -> None:
    assert templated(launch(given)) == launch(given)


@pytest.mark.parametrize("type", [kind for kind in ModelType if kind is not ModelType.LLM])
def test_only_language_models_have_one(type: ModelType) -> None:
    other = launch(TOOLS, replace(MODEL, type=type))
    assert templated(other) == other


def test_a_file_has_a_most_size(tmp_path: Path) -> None:
    file = tmp_path / "long.jinja"
    file.write_text(TOOLS + " " * (MOST_BYTES - len(TOOLS)))
    assert "tools" in templated(launch(str(file))).model.abilities
    with file.open("a") as more:
        more.write(" ")
    with pytest.raises(InvalidParameter, match="has more than 1048576 bytes") as refused:
        templated(launch(str(file)))
    assert refused.value.param == "chat_template"


def test_a_file_that_cannot_be_read_as_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (str(tmp_path / "bytes"), "/" + "x" * 5000):
        with pytest.raises(InvalidParameter, match="is no text in UTF-8 that can be read") as refused:
            templated(launch(path))
        assert refused.value.param == "chat_template"
    assert templated(launch("a\0b")) == launch("a\0b")
