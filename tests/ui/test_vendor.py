"""The libraries of the web page are what their authors published, each with its licence."""

from __future__ import annotations

import json

from tools.page_check import RECIPE
from tools.vendor import LIST, VENDOR, packages, sha256


def test_every_file_has_the_hash_that_the_list_names() -> None:
    listed = {file["path"]: file["sha256"] for package in packages() for file in package["files"]}
    found = {
        path.relative_to(VENDOR).as_posix(): sha256(path.read_bytes())
        for path in VENDOR.rglob("*")
        if path.is_file() and path != LIST
    }
    assert found == listed, "put the version into vendor.json and run `make vendor`; never edit these files"


def test_every_folder_has_the_licence_of_what_is_in_it() -> None:
    for package in packages():
        folder = VENDOR / package["files"][0]["path"].split("/")[0]
        assert package["licence"] in ("MIT", "Apache-2.0", "BSD-3-Clause")
        assert (folder / "LICENSE").is_file()


def test_types_are_checked_with_the_same_versions() -> None:
    checked: dict[str, str] = json.loads((RECIPE / "package.json").read_bytes())["dependencies"]
    names = {"@highlightjs/cdn-assets": "highlight.js"}
    for package in packages():
        assert checked[names.get(package["package"], package["package"])] == package["version"]
