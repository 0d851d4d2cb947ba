"""The schema of launch options: every option has a group, a help text and a default that its own schema accepts."""

from __future__ import annotations

from typing import Annotated

import jsonschema_rs
import msgspec
import pytest
from msgspec import Meta

from modelyard.engines import ENGINES
from modelyard.engines.option_schema import BASIC, GROUP_OF, GROUPS, OTHER, grouped, options_schema
from modelyard.protocol.models import LaunchRequest

SCHEMAS = {name: options_schema(ENGINES.get(name).Options) for name in ENGINES} | {
    "launch": grouped(LaunchRequest.model_json_schema())
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_form_can_be_made_of_the_schema(name: str) -> None:
    schema = SCHEMAS[name]
    assert jsonschema_rs.meta.is_valid(schema)
    for option, found in schema["properties"].items():
        assert found["group"] in GROUPS, (
            f"{option}: its Meta lacks extra_json_schema={{'group': one of {list(GROUPS)}}}"
        )
        assert isinstance(found["advanced"], bool)
        assert "default" in found, option
        if option not in ("virtual_env_packages", "virtual_env_find_links", "enable_virtual_env"):
            assert found["description"], option
    jsonschema_rs.validate(schema, {option: found["default"] for option, found in schema["properties"].items()})


def test_each_name_in_the_groups_stands_in_one_and_is_an_option() -> None:
    options = {option for schema in SCHEMAS.values() for option in schema["properties"]}
    assert sum(map(len, GROUPS.values())) == len(GROUP_OF)
    assert options >= set(GROUP_OF) | BASIC


def test_wrong_values_are_known_before_a_launch() -> None:
    schema = SCHEMAS["llama_cpp"]
    assert jsonschema_rs.is_valid(schema, {"n_ctx": 4096, "flash_attn": "on"})
    for wrong in ({"n_ctx": -1}, {"n_parallel": 0}, {"flash_attn": "maybe"}, {"no_such": 1}):
        assert not jsonschema_rs.is_valid(schema, wrong), wrong


class Inner(msgspec.Struct, frozen=True):
    """A value of an option."""

    size: int = 1


class Options(msgspec.Struct, kw_only=True):
    """Options of a plug-in."""

    loudness: Annotated[int, Meta(ge=0, extra_json_schema={"group": "answers", "advanced": False})] = 1
    colour: str = "green"
    inner: Inner = Inner()


def test_a_plug_in_says_the_group_of_its_options_or_has_none() -> None:
    schema = options_schema(Options)
    loudness, colour = schema["properties"]["loudness"], schema["properties"]["colour"]
    assert (loudness["group"], loudness["advanced"], loudness["minimum"]) == ("answers", False, 0)
    assert (colour["group"], colour["advanced"], colour["default"]) == (OTHER, True, "green")
    assert jsonschema_rs.is_valid(schema, {"inner": {"size": 2}})
    assert not jsonschema_rs.is_valid(schema, {"inner": {"size": "large"}})
