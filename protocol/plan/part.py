"""What all tables of a plan are made of: frozen parts, names, texts, and keys of later days."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z][A-Za-z0-9_.]{0,63}$"
Name = Annotated[str, Field(pattern=NAME)]
Text = Annotated[str, Field(min_length=1, max_length=400)]
Level = Annotated[str, Field(min_length=1, max_length=100)]
Range = tuple[float, float]


class Part(BaseModel):
    """A table of the plan file: frozen, and closed to keys that nobody defined."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def opt_in(default: object, description: str, **limits: Any) -> Any:
    """Describe a key that plans did not have from the start.

    At its default it is left out of the plan's name, so that plans of before keep theirs.
    """
    return Field(
        default=default,
        exclude_if=lambda value: value == default,
        description=description,
        **limits,
    )
