"""What a line says of itself: its time and its level, in the formats of engines."""

from __future__ import annotations

from datetime import datetime

import pytest

from modelyard.core.secret_texts import SecretTexts, secret_values
from modelyard.core.secrets import MASK
from modelyard.monitor.logs.lines import LineReader

NOW = datetime(2026, 11, 29, 13, 40, 0).timestamp()


def read(*lines: str) -> list[tuple[float | None, str | None]]:
    return [(line.at, line.level) for line in LineReader(NOW).read(lines)]


@pytest.mark.parametrize(
    ("line", "at", "level"),
    [
        ("INFO 11-29 13:39:26 [api_server.py:123] ready", datetime(2026, 11, 29, 13, 39, 26), "info"),
        ("(APIServer pid=7) WARNING 12-31 23:59:59 [x.py:1] late", datetime(2025, 12, 31, 23, 59, 59), "warning"),
        ("[2026-11-29 13:39:26,500] ERROR in app", datetime(2026, 11, 29, 13, 39, 26, 500_000), "error"),
        ("2026-11-29T13:39:26 CRITICAL", datetime(2026, 11, 29, 13, 39, 26), "critical"),
        ("13:39:26 INFO    modelyard.serving: ready", datetime(2026, 11, 29, 13, 39, 26), "info"),
        ("23:59:59 DEBUG   modelyard.serving: yesterday", datetime(2026, 11, 28, 23, 59, 59), "debug"),
        ("INFO:     Started server process [7]", None, "info"),
        ("srv  load_model: loading", None, None),
        ("99-99 99:99:99 nonsense", None, None),
        ("2026-13-41 10:00:00 nonsense", None, None),
        ("no error, no INFOrmation", None, None),
        ("", None, None),
    ],
)
def test_time_and_level_are_read(line: str, at: datetime | None, level: str | None) -> None:
    assert read(line) == [(at.timestamp() if at else None, level)]


def test_zones_are_honoured() -> None:
    assert read("2026-11-29T12:39:26Z a", "2026-11-29 13:39:26+01:00 b") == [(1795955966.0, None), (1795955966.0, None)]


def test_a_traceback_is_an_error_to_its_last_line() -> None:
    lines = (
        "13:00:00 INFO a: b",
        "  continued",
        "Traceback (most recent call last):",
        '  File "x"',
        "ValueError: no",
        "llama",
    )
    assert [level for _, level in read(*lines)] == ["info", "info", "error", "error", "error", None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("api_key=sk-12345678 and more", f"api_key={MASK} and more"),
        ("args: {'api_key': ['abc'], 'port': 1}", f"args: {{'api_key': ['{MASK}'], 'port': 1}}"),
        ("Authorization: Bearer abcdefghijk", f"Authorization: Bearer {MASK}"),
        ("https://user:pass@host/a", f"https://user:{MASK}@host/a"),
        ("GET /a?X-Amz-Signature=abc&x=1", f"GET /a?X-Amz-Signature={MASK}&x=1"),
        ("HF_TOKEN=hf_abc", f"HF_TOKEN={MASK}"),
        ("it holds known-value-1 here", f"it holds {MASK} here"),
        ("max_tokens=16 n_tokens: 5 tokens: 7", None),
        ("api_key=None token: null", None),
        ("the token of a key", None),
        ("http://127.0.0.1:9997/v1", None),
    ],
)
def test_secrets_are_masked(text: str, expected: str | None) -> None:
    texts = SecretTexts(["known-value-1", "short"])
    assert texts.masked(text) == (text if expected is None else expected)
    assert texts.masked("short") == "short"


def test_values_of_secret_variables_are_known() -> None:
    assert secret_values({"OPENAI_API_KEY": "a", "HF_TOKEN": "b", "HOME": "c"}) == ["a", "b"]
