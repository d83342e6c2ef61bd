"""What all commands of `riskset-site` have in common: how they answer, and which node they mean."""

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer


class Format(StrEnum):
    """How a command writes its result."""

    TEXT = "text"
    JSON = "json"


@dataclass
class Asked:
    """What was asked for, kept for whoever answers errors."""

    format: Format = Format.TEXT


def _remember(context: typer.Context, chosen: Format) -> Format:
    if asked := context.find_object(Asked):
        asked.format = chosen
    return chosen


FormatOption = Annotated[
    Format, typer.Option("--format", help="Text, or JSON for scripts.", callback=_remember)
]

ConfigOption = Annotated[
    Path, typer.Option("--config", help="The node's settings.", envvar="RISKSET_SITE_CONFIG")
]

CONFIG = Path("site.toml")


def say(output: Format, text: str, told: dict[str, Any]) -> None:
    """Write a result on stdout: as text for people, or as JSON with its schema for scripts."""
    if output is Format.JSON:
        typer.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        typer.echo(text)
