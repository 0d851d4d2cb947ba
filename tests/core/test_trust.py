"""Who may have code run by a launch, and in which words the others are refused."""

from __future__ import annotations

import pytest

from modelyard.core.access import ADMIN, Grant
from modelyard.core.errors import PermissionDenied
from modelyard.core.trust import OWNER, Privilege, Trust, check_privileges, read_allowances, trust_of

WRITER = Grant("1", "app", frozenset({"models:write", "models:register", "settings:write"}))
ADMINISTRATOR = Grant("2", "me", frozenset({ADMIN}))


@pytest.mark.parametrize(
    ("grant", "owner", "full"),
    [
        (None, True, True),
        (None, False, False),
        (WRITER, True, False),
        (WRITER, False, False),
        (ADMINISTRATOR, False, True),
    ],
)
def test_a_key_decides_where_there_is_one(grant: Grant | None, owner: bool, full: bool) -> None:
    assert trust_of(grant, owner).full is full


def test_a_refusal_names_what_why_and_both_ways() -> None:
    asked = [Privilege("envs:BROWSER", "it can name code")]
    with pytest.raises(PermissionDenied) as caught:
        check_privileges(asked, trust_of(WRITER, owner=True), frozenset({"envs:OTHER"}))
    said = caught.value.message
    assert said.startswith("envs:BROWSER: The key 'app' may not ask for this, because it can name code.")
    assert "'admin'" in said and "MODELYARD_LAUNCH_ALLOW=envs:BROWSER" in said


def test_the_owner_and_what_the_owner_allows_pass() -> None:
    asked = [Privilege("envs:BROWSER", ""), Privilege("vllm_args:worker-cls", "")]
    check_privileges(asked, OWNER, frozenset())
    check_privileges(asked, Trust(False, "x"), read_allowances(" envs:BROWSER, vllm_args:--worker_cls ,,"))
