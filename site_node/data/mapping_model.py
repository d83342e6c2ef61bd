"""What a hospital calls things and how it writes them: the keys of its mapping file.

A mapping renames columns, spells levels and missing values, and states what a file cannot say of
itself: its encoding, its decimal sign, its units and the form of its dates. `mapping` reads one;
docs/mapping.md explains every key.
"""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from site_node.data.dates import DEFAULT_FORM, check_form
from site_node.data.encoding import Encoding
from site_node.data.source import Dialect, Separator
from site_node.data.values import Notation

Words = Annotated[tuple[str, ...], Field(strict=False)]
DateForm = Annotated[str, AfterValidator(check_form)]
Factor = Annotated[float, Field(gt=0, le=1e9, allow_inf_nan=False)]


class Table(BaseModel):
    """A table of the mapping file: frozen, and closed to keys that nobody defined."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class FileFormat(Table):
    """How the whole file is written."""

    encoding: Encoding = Field(default="utf-8", description="How letters are written as bytes.")
    separator: Separator = Field(default=",", description="The sign between two fields.")
    decimal: Literal[".", ","] = Field(default=".", description="The decimal sign of numbers.")
    missing: Words = Field(
        default=(), description="What stands for a missing value, beside an empty field."
    )
    trim: bool = Field(
        default=False, description="Whether blanks around names and values are to be taken off."
    )
    dates: DateForm = Field(default=DEFAULT_FORM, description="The form of dates: DD.MM.YYYY.")


class DayCount(Table):
    """A time that is counted from two dates."""

    start: str = Field(alias="from", description="The column of the date that days count from.")
    end: str = Field(alias="to", description="The column of the date that they count to.")
    dates: DateForm | None = Field(default=None, description="The form of these two dates.")


class SiteMapping(Table):
    """A hospital's names, spellings, units and dates."""

    id: str | None = Field(
        default=None, description="The column of the patient's id; default patient_id, else id."
    )
    file: FileFormat = Field(
        default_factory=FileFormat, description="How the whole file is written."
    )
    columns: dict[str, str] = Field(
        default_factory=dict, description="The extract's column of a variable of the study."
    )
    levels: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="By variable, the level that a spelling stands for; '' if for a missing value.",
    )
    missing: dict[str, Words] = Field(
        default_factory=dict,
        description="By variable, what stands for a missing value, in place of the file's words.",
    )
    units: dict[str, Factor] = Field(
        default_factory=dict,
        description="By variable, what its numbers are multiplied with to be in the plan's unit.",
    )
    days: dict[str, DayCount] = Field(
        default_factory=dict, description="By time, the two dates that it is counted from."
    )

    @property
    def dialect(self) -> Dialect:
        """How the text of the file is written."""
        return Dialect(self.file.encoding, self.file.separator)

    def column(self, variable: str) -> str:
        """Name the extract's column of a variable that is read from one."""
        return self.columns.get(variable, variable)

    def notation(self, variable: str) -> Notation:
        """Gather how a variable's values are written."""
        days = self.days.get(variable)
        return Notation(
            levels=self.levels.get(variable, {}),
            missing=self.missing.get(variable, self.file.missing),
            decimal=self.file.decimal,
            # As it is written in decimals: 0.1 is a tenth, and not its binary neighbour.
            factor=Decimal(repr(self.units.get(variable, 1))),
            trim=self.file.trim,
            dates=(days and days.dates) or self.file.dates,
        )
