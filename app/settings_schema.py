"""The settings files as a JSON schema, made from the table of settings."""

from __future__ import annotations

from app.setting_kinds import SIZE
from app.settings import SECTIONS, SETTINGS, Setting
from app.settings_file import shown_value

DRAFT = "https://json-schema.org/draft/2020-12/schema"


def settings_schema() -> dict[str, object]:
    """Return the JSON schema (draft 2020-12) of ``vmbench.toml``."""
    properties: dict[str, object] = {s.key: _of(s) for s in SETTINGS if "." not in s.key}
    for section in SECTIONS:
        properties[section] = {
            "type": "object",
            "additionalProperties": False,
            "properties": {
                s.key.removeprefix(f"{section}."): _of(s) for s in SETTINGS if s.key.startswith(f"{section}.")
            },
        }
    return {
        "$schema": DRAFT,
        "title": "vmbench.toml",
        "description": "Settings of vmbench, of a project or of a user.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


def _of(setting: Setting) -> dict[str, object]:
    found: dict[str, object] = {"description": setting.about, **setting.schema}
    if setting.default is not None:
        default = setting.default
        found["default"] = (
            shown_value(default, setting)
            if setting.parse is SIZE or not isinstance(default, bool | int | float | str)
            else default
        )
    return found
