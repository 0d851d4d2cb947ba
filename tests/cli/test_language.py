"""When the command line speaks Chinese."""

from __future__ import annotations

import io
import sys

import pytest

from modelyard.cli.language import is_chinese


@pytest.mark.parametrize(
    ("environment", "answer"),
    [
        ({}, False),
        ({"LANG": "zh_CN.UTF-8"}, True),
        ({"LC_MESSAGES": "zh-Hans", "LANG": "en_US.UTF-8"}, True),
        ({"LC_ALL": "C", "LANG": "zh_CN.UTF-8"}, False),
        ({"LC_ALL": "", "LANG": "zh_CN.UTF-8"}, True),
        ({"LANGUAGE": "en:zh", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANGUAGE": "zh_CN:en", "LC_ALL": "en_US.UTF-8"}, True),
        ({"MODELYARD_LANGUAGE": "zh", "LC_ALL": "en_US.UTF-8"}, True),
        ({"MODELYARD_LANGUAGE": "en", "LC_ALL": "zh_CN.UTF-8"}, False),
        ({"MODELYARD_LANGUAGE": "fr", "LANG": "zh_CN.UTF-8"}, False),
        ({"LANG": "zu_ZA.UTF-8"}, False),
    ],
)
def test_variables_choose_the_language(environment: dict[str, str], answer: bool) -> None:
    assert is_chinese(environment, ["list"]) is answer
    assert not is_chinese(environment, ["list", "--json"])


def test_a_terminal_without_chinese_characters_gets_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))
    assert not is_chinese({"MODELYARD_LANGUAGE": "zh"}, [])
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="gb18030"))
    assert is_chinese({"MODELYARD_LANGUAGE": "zh"}, [])
