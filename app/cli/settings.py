"""``vmbench settings``: every setting with its value and where that comes from; changes keep comments."""

from __future__ import annotations

import json
import sys

import click

from app.cli import options
from app.cli.errors import warn
from app.cli.text import table
from app.settings_desk import SettingsDesk, Shown
from app.settings_file import setting_of, shown_value
from registry.location import CONFIG

EPILOG = """\b
Examples:
  vmbench settings                          # every setting, its value and its source
  vmbench settings get run.parallel
  vmbench settings set ui.theme vmbench-light
  vmbench settings set run.keep on-failure --in-project
  vmbench settings unset ui.theme           # back to what holds without it
  vmbench settings schema > vmbench.schema.json

\b
A flag wins over the environment, that over the project's file, that over yours, that over the default.
"""
GET_EPILOG = """\b
Examples:
  vmbench settings get run.parallel
  vmbench settings get run.keep --json
"""
SET_EPILOG = """\b
Examples:
  vmbench settings set ui.theme vmbench-light
  vmbench settings set run.parallel 4 --in-project
"""
UNSET_EPILOG = """\b
Examples:
  vmbench settings unset ui.theme
  vmbench settings unset run.parallel --in-project
"""
PATH_EPILOG = """\b
Examples:
  $EDITOR "$(vmbench settings path)"
  vmbench settings path --in-project
"""
SCHEMA_EPILOG = """\b
Examples:
  vmbench settings schema > vmbench.schema.json
"""
LIST_EPILOG = """\b
Examples:
  vmbench settings list
  vmbench settings list --json | jq '.settings[] | select(.source != "default")'
"""

in_project = click.option("--in-project", is_flag=True, help=f"The project's {CONFIG} rather than yours.")


@click.group("settings", epilog=EPILOG, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> int:
    """Show, explain and change the settings."""
    if ctx.invoked_subcommand is None:
        ctx.exit(_list(as_json=False))
    return 0


@command.command("list", epilog=LIST_EPILOG)
@options.plain
@options.json_output
def list_settings(as_json: bool) -> int:
    """List every setting with its value, its source and what it is for."""
    return _list(as_json=as_json)


def _list(*, as_json: bool) -> int:
    desk = _desk()
    settings = desk.settings()
    for problem in settings.problems:
        warn(str(problem))
    listed = desk.listed(settings)
    if as_json:
        project = desk.project_file
        document = {
            "files": {
                "project": None if project is None else str(project),
                "user": str(desk.paths.user_settings),
            },
            "settings": [_document(shown) for shown in listed],
        }
        print(json.dumps(document, indent=1))
        return 0
    rows = [(s.setting.key, s.value or "none", s.source, s.setting.about) for s in listed]
    print(table(("SETTING", "VALUE", "SOURCE", "MEANS"), rows))
    return 0


@command.command("get", epilog=GET_EPILOG)
@click.argument("key")
@options.plain
@options.json_output
def get(key: str, as_json: bool) -> int:
    """Print one setting's value."""
    shown = _shown(_desk(), key)
    print(json.dumps(_document(shown)) if as_json else shown.value)
    return 0


@command.command("set", epilog=SET_EPILOG)
@click.argument("key")
@click.argument("value")
@in_project
def set_value(key: str, value: str, in_project: bool) -> int:
    """Set a value in your file, or the project's; comments and order of the file stay."""
    desk = _desk()
    file = desk.set(key, value, project=in_project)
    print(f"{key} = {value} in {file}", file=sys.stderr)
    shown = _shown(desk, key)
    if shown.source != ("project" if in_project else "yours"):
        warn(f"{shown.source} wins over it: {shown.value} holds")
    return 0


@command.command("unset", epilog=UNSET_EPILOG)
@click.argument("key")
@in_project
def unset(key: str, in_project: bool) -> int:
    """Take a value out of a file, so that the next one in line holds."""
    desk = _desk()
    if not desk.unset(key, project=in_project):
        print(f"{key} is not set there", file=sys.stderr)
    else:
        print(f"{key} = {_shown(desk, key).value} holds now", file=sys.stderr)
    return 0


@command.command("path", epilog=PATH_EPILOG)
@in_project
def path(in_project: bool) -> int:
    """Print where the settings file is, or would be."""
    print(_desk().file(project=in_project))
    return 0


@command.command("schema", epilog=SCHEMA_EPILOG)
def schema() -> int:
    """Print the JSON schema of the settings files, for editors."""
    from app.settings_schema import settings_schema

    print(json.dumps(settings_schema(), indent=2))
    return 0


def _desk() -> SettingsDesk:
    from app.wiring import find_workplace

    place = find_workplace()
    return SettingsDesk(place.paths, place.location)


def _shown(desk: SettingsDesk, key: str) -> Shown:
    return desk.shown(desk.settings(), setting_of(key))


def _document(shown: Shown) -> dict[str, object]:
    setting = shown.setting
    return {
        "key": setting.key,
        "value": shown.value,
        "source": shown.source,
        "default": shown_value(setting.default, setting),
        "variable": setting.env,
        "choices": list(setting.choices),
        "means": setting.about,
    }
