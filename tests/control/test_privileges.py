"""What a launch may hold that comes from a caller who may launch models and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from modelyard.control.launch_plans import plan_launch
from modelyard.control.placement import Machine
from modelyard.control.privileges import Permit, keyed, privileges
from modelyard.core.config import Settings
from modelyard.core.errors import InvalidParameter, PermissionDenied
from modelyard.core.trust import OWNER, Trust
from modelyard.core.types import Address, Device, Hardware, Launch, Model
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine, Remote
from modelyard.protocol.models import LaunchRequest

APP = Trust(False, "The key 'app'")
MACHINE = Machine(Hardware(2, (Device("cpu", "main memory", 2**34, 2**34),)))
JINJA = "{% for message in messages %}{{ message.content }}{% endfor %}"

CLOSED = {
    "llama_cpp": set(),
    "vllm": {"trust_remote_code"},
    "sglang": {"trust_remote_code"},
    "transformers": {"trust_remote_code", "allowed_media_hosts"},
    "sentence_transformers": {"trust_remote_code"},
}


def names(engine: str, env: dict[str, str] | None = None, **options: Any) -> set[str]:
    return {each.name for each in privileges(Launch("m", Model("m", path="/m"), engine, options, env or {}))}


@pytest.mark.parametrize("engine", sorted(CLOSED))
def test_every_option_was_looked_at(engine: str) -> None:
    """An option that an engine gains is closed, and fails here until its place is decided."""
    listed = __import__(f"modelyard.engines.{engine}.options", fromlist=["OPEN"]).OPEN
    assert set(ENGINES.get(engine).Options.__struct_fields__) - listed == CLOSED[engine]


@pytest.mark.parametrize("engine", ["vllm", "sglang", "transformers", "sentence_transformers"])
def test_code_of_the_model_folder(engine: str) -> None:
    assert names(engine, trust_remote_code="true") == {"trust_remote_code"}
    assert names(engine, trust_remote_code=False) == set()


def test_code_of_the_model_folder_under_other_spellings() -> None:
    assert names("vllm", vllm_trust_remote_code=True) == {"trust_remote_code"}
    assert names("sglang", sglang_trust_remote_code=True) == {"trust_remote_code"}


@pytest.mark.parametrize("engine", ["llama_cpp", "vllm", "transformers"])
def test_a_template_is_text_and_no_file_of_the_server(engine: str) -> None:
    assert names(engine, chat_template=JINJA) == set()
    assert names(engine, chat_template="/etc/passwd") == {"chat_template"}
    assert names(engine, chat_template="~/.ssh/id_ed25519") == {"chat_template"}


def test_templates_of_sglang_are_names() -> None:
    assert names("sglang", chat_template="qwen2-vl") == set()
    assert names("sglang", chat_template="/etc/passwd") == names("sglang", chat_template="x.jinja") == {"chat_template"}


def test_media_from_the_servers_own_network() -> None:
    assert names("transformers", allowed_media_domains="127.0.0.1") == {"allowed_media_hosts"}


def test_variables_that_tune_are_open() -> None:
    assert names("fake", {"OMP_NUM_THREADS": "2", "BROWSER": "x", "PYTHONPATH": "/x"}) == {
        "envs:BROWSER",
        "envs:PYTHONPATH",
    }
    assert names("external", {"K": "own-key"}, base_url="https://x.test/v1", api_key_env="K") == set()


def test_an_engine_that_lists_nothing_has_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    class Stranger(type(ENGINES.get("fake"))):  # type: ignore[misc]
        name = "stranger"
        privileges = Engine.privileges

    monkeypatch.setattr(ENGINES, "get", lambda name: Stranger())
    assert names("stranger", size=1) == {"size"}


@pytest.mark.parametrize("trust", [OWNER, APP])
def test_a_launch_remembers_how_far_it_may_go(trust: Trust) -> None:
    request = LaunchRequest.model_validate(
        {"model_name": "m", "model_engine": "fake", "envs": {"OMP_NUM_THREADS": "1"}}
    )
    assert plan_launch(request, MACHINE, permit=Permit(trust)).trusted is trust.full


def test_planning_refuses_and_lets_pass_what_the_owner_allows() -> None:
    request = LaunchRequest.model_validate({"model_name": "m", "model_engine": "fake", "envs": {"BROWSER": "x"}})
    for permit in (Permit(APP), Permit(APP, frozenset({"envs:PYTHONPATH", "envs"}))):
        with pytest.raises(PermissionDenied, match="envs:BROWSER"):
            plan_launch(request, MACHINE, permit=permit)
    with pytest.raises(PermissionDenied):
        plan_launch(request, MACHINE)
    assert plan_launch(request, MACHINE, permit=Permit(APP, frozenset({"envs:BROWSER"}))).env == {"BROWSER": "x"}
    assert plan_launch(request, MACHINE, permit=Permit(OWNER)).env == {"BROWSER": "x"}


def remote(variable: str) -> Remote:
    return Remote(Address(host="x.test", port=443, tls=True), frozenset(), key_variable=variable)


def test_a_key_is_read_only_for_the_host_it_is_bound_to() -> None:
    environment = {"SOME_KEY": "sk-1\n", "HOME": "/root", "BAD": "ü"}
    bound = Settings(key_variables="SOME_KEY=x.test,GONE=x.test,BAD=x.test")
    plan = keyed(remote("SOME_KEY"), bound, environment)
    assert plan.headers == ((b"authorization", b"Bearer sk-1"),)
    assert keyed(remote(""), bound, environment).headers == ()
    with pytest.raises(PermissionDenied, match="HOME"):
        keyed(remote("HOME"), bound, environment)
    with pytest.raises(PermissionDenied, match="SOME_KEY"):
        keyed(remote("SOME_KEY"), Settings(), environment)
    for variable in ("GONE", "BAD"):
        with pytest.raises(InvalidParameter, match=variable):
            keyed(remote(variable), bound, environment)
