"""What every engine keeps, ours and strangers' alike. A third party overrides `name` and inherits the rest."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest

from modelyard.core.errors import InvalidParameter, UnknownOption
from modelyard.core.types import Address, Device, Hardware, Launch, Model, ModelType
from modelyard.engines import ENGINES
from modelyard.engines.base import Engine, NoOptions, Profile, read_options
from modelyard.engines.names import canonical_name, title_of
from modelyard.engines.rules import REQUESTS

MACHINE = Hardware(2, (Device("cpu", "main memory", 2**33, 2**33),))
NOWHERE = Address(uds="/nowhere.sock")


@pytest.fixture(params=sorted(ENGINES))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def engine(name: str) -> Engine:
    return ENGINES.get(name)


def test_it_is_called_what_it_is_registered_as(engine: Engine, name: str) -> None:
    assert engine.name == name


def test_what_is_missing_is_told_in_sentences(engine: Engine) -> None:
    assert all(sentence.endswith(".") or " " in sentence for sentence in engine.missing())


def test_every_option_has_a_default_and_a_description(engine: Engine) -> None:
    for field in msgspec.structs.fields(engine.Options):
        described = [extra for extra in getattr(field.type, "__metadata__", ()) if getattr(extra, "description", None)]
        assert described, f"{field.name} has no description"
        assert not field.required, f"{field.name} has no default"


@pytest.mark.parametrize("kind", list(ModelType))
@pytest.mark.parametrize("format", ["ggufv2", "pytorch", "remote", "fake", "nonsense"])
def test_fits_never_raises_and_always_says_why(engine: Engine, kind: ModelType, format: str) -> None:
    fit = engine.fits(Model("m", kind, format, path="/nowhere/at/all"), MACHINE)
    assert fit.score >= 0
    assert fit.reason


def test_an_option_it_does_not_have_is_refused(engine: Engine) -> None:
    launch = Launch("m", Model("m", path="/nowhere.gguf"), engine.name, {"n_ctxx": 1})
    with pytest.raises(UnknownOption):
        engine.check(launch)


def test_a_launch_without_options_is_accepted_before_its_files_are_here(engine: Engine) -> None:
    launch = Launch("m", Model("m", format="fake"), engine.name)
    if not engine.profile.remote:  # whose address has no default
        engine.check(launch)
    assert engine.footprint(launch).total >= 0


def test_its_profile_is_found_by_every_name_it_has(engine: Engine) -> None:
    profile = engine.profile
    assert {canonical_name(each) for each in (engine.name, profile.title, *profile.aliases)} == {engine.name}
    assert title_of(engine.name) == profile.title
    assert profile.weightless or profile.formats, "an engine runs weights of some format, or none at all"


def test_the_token_is_on_no_command_line(engine: Engine) -> None:
    launch = Launch("m", Model("m", path="/nowhere.gguf", format="fake"), engine.name)
    try:
        plan = engine.command(launch, NOWHERE, "secret-token")
    except InvalidParameter:
        return  # it needs an option that only a real launch has
    assert "secret-token" not in " ".join(dataclasses.asdict(plan).get("argv", ()))


def test_an_engine_of_this_repository_has_rules_for_each_task(engine: Engine) -> None:
    if not type(engine).__module__.startswith("modelyard.engines.") or engine.name == "fake":
        return  # other packages may leave rules out, and the fake engine lets everything pass for tests of the gateway
    launch = Launch("m", Model("m", path="/nowhere.gguf", format="fake"), engine.name)
    try:
        plan = engine.command(launch, NOWHERE, "secret-token")
    except InvalidParameter:
        return  # it needs an option that only a real launch has
    lacking = (plan.tasks & set(REQUESTS)) - set(plan.rules.by_task)
    assert not lacking, f"Command.rules of {engine.name} has no table for {sorted(lacking)}: see engines/rules.py"


def test_a_profile_has_formats_or_is_weightless() -> None:
    with pytest.raises(ValueError, match="has both 'formats' and 'weightless'"):
        Profile("Toy", formats=frozenset({"ggufv2"}), weightless="toy")


@pytest.mark.parametrize("lacking", ["name", "profile"])
def test_a_class_without_a_required_member_is_refused(lacking: str) -> None:
    members = {"name": "toy", "profile": Profile("Toy", weightless="toy")}
    del members[lacking]
    with pytest.raises(TypeError, match=f"The engine Toy has no '{lacking}': add {lacking} = "):
        type("Toy", (Engine,), {**members, "__qualname__": "Toy"})()


def test_an_unknown_context_option_names_the_flag_that_sets_it() -> None:
    with pytest.raises(UnknownOption, match="--context-length of the command line sets 'n_ctx'"):
        read_options("toy", NoOptions, {"n_ctx": 512})


def test_explain_takes_any_log(engine: Engine) -> None:
    for log in ([], [""], ["\x00\x1b[31m"], ["no colon"], ["error: one", "two"]):
        for code in (None, 0, 1, -9, 137):
            assert engine.explain(log, code)
