"""Which files `kb add` takes, what it does with each, and the hashes that it keeps between runs."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import click
import pytest

from modelyard.cli.kb_add import AddOptions, pairs, plan_update
from modelyard.cli.kb_folder import Files, Hashes, collect
from modelyard.core.errors import BadRequest

FORMATS = {"txt": "Text", "md": "Markdown"}
FILES = (
    "a.txt",
    "B.MD",
    "c.exe",
    "sub/d.md",
    "sub/.hidden.md",
    ".git/e.txt",
    "node_modules/f.txt",
    "__pycache__/g.txt",
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "docs"
    for name in FILES:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text(f"the text of {name}")
    (place / "link.txt").symlink_to(tmp_path / "nowhere")
    return place


@pytest.mark.parametrize(
    ("include", "exclude", "taken", "skipped"),
    [
        ((), (), ["B.MD", "a.txt", "sub/d.md"], {"of unsupported formats": 1, "hidden": 1}),
        (("*.md",), (), ["sub/d.md"], {"by pattern": 3, "hidden": 1}),
        (("sub/*",), (), ["sub/d.md"], {"by pattern": 3, "hidden": 1}),
        ((), ("d.*", "c.*"), ["B.MD", "a.txt"], {"by pattern": 2, "hidden": 1}),
        (("*.txt", "*.md"), ("a*",), ["sub/d.md"], {"by pattern": 3, "hidden": 1}),
    ],
)
def test_files_of_a_folder_are_chosen_by_format_and_pattern(
    folder: Path, include: tuple[str, ...], exclude: tuple[str, ...], taken: list[str], skipped: dict[str, int]
) -> None:
    found = collect([str(folder)], include, exclude, FORMATS)
    assert found.paths == {name: folder / name for name in taken} and list(found.paths) == taken
    assert found.skipped == skipped
    assert found.there == {"a.txt", "B.MD", "c.exe", "sub/d.md"}, "what is left out may still not be deleted"


def test_a_file_that_is_named_is_taken_whatever_it_is(folder: Path) -> None:
    found = collect([str(folder / "c.exe"), str(folder / "sub" / ".hidden.md")], ("*.md",), ("*",), FORMATS)
    assert list(found.paths) == ["c.exe", ".hidden.md"] == sorted(found.there, reverse=True)
    assert found.skipped == {}
    with pytest.raises(BadRequest, match=r"no file or folder '/nowhere/x\.txt'"):
        collect(["/nowhere/x.txt"], (), (), FORMATS)


def test_two_files_of_one_name_are_refused_and_one_file_twice_is_not(folder: Path) -> None:
    twice = collect([str(folder), str(folder / "a.txt"), str(folder / "sub" / ".." / "a.txt")], (), (), FORMATS)
    assert sorted(twice.paths) == ["B.MD", "a.txt", "sub/d.md"]
    other = folder / "sub" / "a.txt"
    other.write_text("another")
    with pytest.raises(BadRequest, match=r"would both be called 'a\.txt'"):
        collect([str(folder / "a.txt"), str(other)], (), (), FORMATS)


def old(path: Path, text: str, seconds: int = 1_000_000) -> Path:
    """A file that was written long ago."""
    path.write_text(text)
    os.utime(path, (seconds, seconds))
    return path


def sha(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_hashes_are_kept_while_size_and_time_stay(tmp_path: Path) -> None:
    file, cache = old(tmp_path / "a.txt", "one"), tmp_path / "deep" / "cache.json"
    first = Hashes(cache)
    assert first.of(file) == sha("one")
    first.save()
    assert list(json.loads(cache.read_text()).values()) == [[3, 1_000_000 * 10**9, sha("one")]]
    assert os.listdir(cache.parent) == ["cache.json"]
    old(file, "two")
    assert Hashes(cache).of(file) == sha("one"), "it is not read again while it looks unchanged"
    for text, seconds in (("three", 1_000_000), ("two", 1_000_001)):
        assert Hashes(cache).of(old(file, text, seconds)) == sha(text)


def test_a_file_that_may_still_be_written_is_read_again(tmp_path: Path) -> None:
    file, cache = tmp_path / "a.txt", tmp_path / "cache.json"
    file.write_text("one")
    hashes = Hashes(cache)
    assert hashes.of(file) == sha("one")
    hashes.save()
    assert not cache.exists()
    file.write_text("two")
    assert hashes.of(file) == sha("two")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"PATH": [3, 1000000000000000]}', '{"PATH": "x"}'])
def test_a_broken_cache_of_hashes_costs_only_time(tmp_path: Path, text: str) -> None:
    file, cache = old(tmp_path / "a.txt", "one"), tmp_path / "cache.json"
    cache.write_text(text.replace("PATH", str(file)))
    hashes = Hashes(cache)
    assert hashes.of(file) == sha("one")
    hashes.save()
    assert Hashes(cache)._known[str(file)][2] == sha("one")


def test_a_cache_that_cannot_be_written_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("no folder")
    hashes = Hashes(tmp_path / "file" / "cache.json")
    assert hashes.of(old(tmp_path / "a.txt", "one")) == sha("one")
    hashes.save()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    usual = Hashes()
    usual.of(tmp_path / "a.txt")
    usual.save()
    assert (tmp_path / "caches" / "modelyard" / "file-hashes.json").is_file()
    with pytest.raises(BadRequest, match="cannot be read"):
        usual.of(tmp_path / "none")


def document(name: str, text: str, state: str = "ready", **metadata: Any) -> Any:
    return {"name": name, "hash": sha(text), "state": state, "metadata": metadata}


def options(**fields: Any) -> AddOptions:
    given: dict[str, Any] = {"base": "b", "paths": (), "include": (), "exclude": (), "metadata": {}}
    return AddOptions(**given, delete=fields.pop("delete", False), wait=True, as_json=False)


@pytest.mark.parametrize(
    ("there", "plan"),
    [
        (None, ("new", True, False)),
        (document("a", "text"), ("unchanged", False, False)),
        (document("a", "text", year=2024, more=1), ("unchanged", False, False)),
        (document("a", "other"), ("changed", True, False)),
        (document("a", "text", state="stored"), ("unchanged", False, True)),
        (document("a", "text", state="failed"), ("unchanged", False, True)),
        (document("a", "text", state="cancelled"), ("unchanged", False, True)),
        (document("a", "text", state="waiting"), ("unchanged", False, False)),
        (document("a", "other", state="failed"), ("changed", True, False)),
    ],
)
def test_each_file_is_new_changed_or_unchanged(tmp_path: Path, there: Any, plan: tuple[str, bool, bool]) -> None:
    file = old(tmp_path / "a", "text")
    present = {} if there is None else {"a": there}
    found = plan_update(Files({"a": file}, there={"a"}), present, Hashes(tmp_path / "cache"), options())
    kinds = {"new": found.new == ["a"], "changed": found.changed == ["a"], "unchanged": found.unchanged == 1}
    kind, is_sent, is_indexed = plan
    assert [name for name, holds in kinds.items() if holds] == [kind]
    assert found.send == ({"a": file} if is_sent else {}) and found.index == (["a"] if is_indexed else [])
    assert found.deleted == []


@pytest.mark.parametrize(
    ("metadata", "changed"), [({"year": 2024}, 0), ({"year": 2025}, 1), ({"other": None}, 0), ({"x": 1}, 1)]
)
def test_other_metadata_is_a_change(tmp_path: Path, metadata: dict[str, Any], changed: int) -> None:
    file = old(tmp_path / "a", "text")
    with_metadata = AddOptions("b", (), (), (), metadata, delete=False, wait=True, as_json=False)
    present = {"a": document("a", "text", year=2024)}
    found = plan_update(Files({"a": file}), present, Hashes(tmp_path / "cache"), with_metadata)
    assert (len(found.changed), found.unchanged) == (changed, 1 - changed)


def test_documents_without_a_file_are_deleted_if_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = Files({"a": old(tmp_path / "a", "text")}, there={"a", "skipped"})
    present = {name: document(name, "text") for name in ("a", "skipped", "gone")}
    hashes = Hashes(tmp_path / "cache")
    assert plan_update(files, present, hashes, options(delete=True)).deleted == ["gone"]
    assert plan_update(files, present, hashes, options()).deleted == []
    assert capsys.readouterr().err == ""
    assert plan_update(Files(), present, hashes, options(delete=True)).deleted == []
    assert "nothing is deleted" in capsys.readouterr().err
    for there, delete in (({}, True), (present, False)):
        plan_update(Files(), there, hashes, options(delete=delete))
        assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ((), {}),
        (("year=2024", "x=1.5", "yes=true", "no=false"), {"year": 2024, "x": 1.5, "yes": True, "no": False}),
        (("a=b=c", "n=null", "l=[1]", 's="q"', "e="), {"a": "b=c", "n": "null", "l": "[1]", "s": '"q"', "e": ""}),
        (("plain",), None),
        (("=x",), None),
    ],
)
def test_metadata_is_numbers_truths_and_texts(given: tuple[str, ...], found: dict[str, Any] | None) -> None:
    if found is None:
        with pytest.raises(click.UsageError, match=f"--metadata {given[0]} is no KEY=VALUE"):
            pairs(given)
    else:
        assert pairs(given) == found
        assert [type(value) for value in pairs(given).values()] == [type(value) for value in found.values()]
