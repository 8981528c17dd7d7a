"""``vmbench settings``: every setting with its value and where that comes from; changes keep comments."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from app.cli import options
from app.cli.errors import UsageProblem, warn
from app.cli.text import table
from app.settings import SETTINGS, Setting, value_of
from app.settings_file import remove_setting, setting_of, shown_value, write_setting
from registry.location import CONFIG

if TYPE_CHECKING:
    from app.wiring import Workplace

EPILOG = """\b
Examples:
  vmbench settings                          every setting, its value and its source
  vmbench settings get run.parallel
  vmbench settings set ui.theme vmbench-light
  vmbench settings set run.keep on-failure --in-project
  vmbench settings unset ui.theme           back to what holds without it
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
@options.json_output
def list_settings(as_json: bool) -> int:
    """List every setting with its value, its source and what it is for."""
    return _list(as_json=as_json)


def _list(*, as_json: bool) -> int:
    place = _place()
    for problem in place.settings.problems:
        warn(str(problem))
    if as_json:
        document = {
            "files": {"project": _text(place.location.config), "user": str(place.paths.user_settings)},
            "settings": [_document(place, setting) for setting in SETTINGS],
        }
        print(json.dumps(document, indent=1))
        return 0
    rows = [(s.key, _value(place, s), _source(place, s), s.about) for s in SETTINGS]
    print(table(("SETTING", "VALUE", "SOURCE", "MEANS"), rows))
    return 0


@command.command("get", epilog=GET_EPILOG)
@click.argument("key")
@options.json_output
def get(key: str, as_json: bool) -> int:
    """Print one setting's value."""
    place = _place()
    setting = setting_of(key)
    print(json.dumps(_document(place, setting)) if as_json else _value(place, setting))
    return 0


@command.command("set", epilog=SET_EPILOG)
@click.argument("key")
@click.argument("value")
@in_project
def set_value(key: str, value: str, in_project: bool) -> int:
    """Set a value in your file, or the project's; comments and order of the file stay."""
    place = _place()
    file = _file(place, in_project=in_project)
    write_setting(file, key, value, project=in_project)
    print(f"{key} = {value} in {file}", file=sys.stderr)
    now = _place()
    source = now.settings.sources.get(key)
    if source is not None and source != str(file):
        warn(f"{source} wins over it: {_value(now, setting_of(key))} holds")
    return 0


@command.command("unset", epilog=UNSET_EPILOG)
@click.argument("key")
@in_project
def unset(key: str, in_project: bool) -> int:
    """Take a value out of a file, so that the next one in line holds."""
    place = _place()
    file = _file(place, in_project=in_project)
    if remove_setting(file, key) is None:
        print(f"{key} is not set in {file}", file=sys.stderr)
    else:
        print(f"{key} = {_value(_place(), setting_of(key))} holds now", file=sys.stderr)
    return 0


@command.command("path", epilog=PATH_EPILOG)
@in_project
def path(in_project: bool) -> int:
    """Print where the settings file is, or would be."""
    print(_file(_place(), in_project=in_project))
    return 0


@command.command("schema", epilog=SCHEMA_EPILOG)
def schema() -> int:
    """Print the JSON schema of the settings files, for editors."""
    from app.settings_schema import settings_schema

    print(json.dumps(settings_schema(), indent=2))
    return 0


def _place() -> Workplace:
    from app.wiring import find_workplace

    return find_workplace()


def _file(place: Workplace, *, in_project: bool) -> Path:
    if not in_project:
        return place.paths.user_settings
    if place.location.config is None:
        raise UsageProblem(
            f"there is no {CONFIG} here or above", f"touch {CONFIG} in the project's folder first"
        )
    return place.location.config


def _value(place: Workplace, setting: Setting) -> str:
    if setting.project_only:
        return str(place.location.root)
    return shown_value(value_of(place.settings, setting))


def _source(place: Workplace, setting: Setting) -> str:
    source = place.settings.sources.get(setting.key, "default")
    if source == str(place.paths.user_settings):
        return "yours"
    return "project" if source == _text(place.location.config) else source


def _document(place: Workplace, setting: Setting) -> dict[str, object]:
    return {
        "key": setting.key,
        "value": _value(place, setting),
        "source": _source(place, setting),
        "default": shown_value(setting.default),
        "variable": setting.env,
        "choices": list(setting.choices),
        "means": setting.about,
    }


def _text(file: Path | None) -> str | None:
    return None if file is None else str(file)
