"""Secrets inside of the values of a launch, which its record does not show."""

from __future__ import annotations

import pytest

from modelyard.core.secrets import holds_secrets


@pytest.mark.parametrize(
    ("value", "secret"),
    [
        (["--extra-index-url=https://u:TOKEN@host/"], True),
        ([{"url": "a", "token": "t"}], True),
        ('{"auth": {"api_key": "k"}}', True),
        (["--api-key", "k"], True),
        (["torch==2.5", "https://host/a@b"], False),
        ('{"rope": {"factor": 2}}', False),
        ("{" * 10_000, False),
    ],
)
def test_secrets_inside_of_values(value: object, secret: bool) -> None:
    assert holds_secrets("virtual_env_packages", value) is secret
