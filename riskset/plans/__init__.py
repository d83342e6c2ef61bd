"""The plans and schemas that come with the package: a template, and the seed study."""

from importlib.resources import files
from typing import Literal

Builtin = Literal["template", "crlm"]
"""The plans by name: a commented template of every key, and the seven-hospital study."""

SCHEMA = "plan.schema.json"
EDITOR_SCHEMA = "plan.editor.schema.json"


def read_builtin(name: Builtin) -> str:
    """Return the TOML text of a plan that comes with the package."""
    return _text(f"{name}.toml")


def read_schema(editor: bool = False) -> str:
    """Return the JSON Schema of plans, in the current draft or in the editors' draft 4."""
    return _text(EDITOR_SCHEMA if editor else SCHEMA)


def _text(file: str) -> str:
    return files(__name__).joinpath(file).read_text(encoding="utf-8")
