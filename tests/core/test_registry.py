"""The one way of registering: built-ins and strangers through the same door."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from modelyard.core.errors import MissingLibrary, UnknownName
from modelyard.core.registry import Registry


def registry(**targets: str) -> Registry[object]:
    return Registry("things", targets)


def test_a_name_is_imported_when_it_is_asked_for() -> None:
    found = registry(json="json:dumps", broken="no_such_module_of_ours:x")
    assert found.get("json")({"a": 1}) == '{"a": 1}'  # type: ignore[operator]
    assert list(found) == ["broken", "json"]
    assert "json" in found and "yaml" not in found


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(UnknownName, match=r"Unknown thing 'jsno'\. Did you mean 'json'\? Known: json\."):
        registry(json="json:dumps").get("jsno")


def test_a_library_that_is_not_installed() -> None:
    with pytest.raises(MissingLibrary, match="pip install no_such_module_of_ours"):
        registry(broken="no_such_module_of_ours:x").get("broken")


def test_a_target_without_its_attribute_is_named() -> None:
    with pytest.raises(ImportError, match=r"'json' of modelyard\.things is 'json:engine', but json has no 'engine'"):
        registry(json="json:engine").get("json")


def test_a_strangers_entry_point(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "stranger_engine.py").write_text("engine = 'from outside'\n")
    info = tmp_path / "stranger-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[modelyard.things]\nstranger = stranger_engine:engine\njson = stranger_engine:engine\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    found = registry(json="json:dumps")
    assert found.get("stranger") == "from outside"
    assert found.get("json") is not sys.modules["stranger_engine"].engine, "a stranger cannot replace what is ours"
    (warning,) = caplog.messages
    assert "The plug-in 'json' (stranger_engine:engine) is left out" in warning
