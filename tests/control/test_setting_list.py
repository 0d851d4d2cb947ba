"""The list of settings: the manual, the value in force, and no secret."""

from __future__ import annotations

from modelyard.control.setting_list import setting_list
from modelyard.core.config import Settings


def test_settings_are_listed_with_their_manual_and_without_secrets() -> None:
    rows = setting_list(Settings(port=7001, tavily_api_key="secret"))
    assert [each.name for each in rows] == list(Settings.model_fields)
    by_name = {each.name: each for each in rows}
    port, key, level = by_name["port"], by_name["tavily_api_key"], by_name["log_level"]
    assert (port.variable, port.value, port.is_set, port.secret) == ("MODELYARD_PORT", 7001, True, False)
    assert port.default == Settings.model_fields["port"].default and port.description
    assert port.value_schema["type"] == "integer"
    assert (key.value, key.default, key.is_set, key.secret) == (None, "", True, True)
    assert (level.value, level.default, level.is_set) == ("info", "info", False)
    for each in rows:
        assert each.description == (Settings.model_fields[each.name].description or "")
        assert not {"title", "description", "default"} & each.value_schema.keys() and each.value_schema
    assert "secret" not in str([each.value for each in rows])
