"""Lists the settings of the server with their descriptions; secrets without their values."""

from __future__ import annotations

from modelyard.core.config import Settings
from modelyard.protocol.server import SettingInfo

MANUAL = ("title", "description", "default")
"""Keys of a setting's JSON Schema that have fields of their own in the list."""


def setting_list(settings: Settings) -> list[SettingInfo]:
    """Every setting, in the order of the documentation."""
    schemas = Settings.model_json_schema()["properties"]
    values = settings.model_dump(mode="json")
    defaults = Settings.model_construct().model_dump(mode="json")
    return [
        SettingInfo(
            name=name,
            variable=f"MODELYARD_{name.upper()}",
            description=field.description or "",
            value=values[name] if field.repr else None,
            default=defaults[name],
            is_set=name in settings.model_fields_set,
            secret=not field.repr,
            value_schema={key: value for key, value in schemas[name].items() if key not in MANUAL},
        )
        for name, field in Settings.model_fields.items()
    ]
