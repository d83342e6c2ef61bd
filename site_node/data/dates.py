"""Reads dates in a stated form. Which of two numbers is the day is said by the form, never guessed.

A form is written as people write it: `DD.MM.YYYY`, `M/D/YYYY`, `DD-MMM-YYYY`,
`YYYY-MM-DD hh:mm:ss`. The time of day is read and left out: durations are counted in days.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import groupby

DEFAULT_FORM = "YYYY-MM-DD"
"""ISO 8601, which no other common form can be taken for."""

MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TOKENS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MMM": rf"(?P<name>{'|'.join(MONTHS)})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
    "hh": r"(?:[01][0-9]|2[0-3])",
    "mm": r"[0-5][0-9]",
    "ss": r"[0-5][0-9](?:\.[0-9]+)?",
}


@dataclass(frozen=True)
class NoDateError(ValueError):
    """A text is no date: of another form, or (`form_fits`) a day that no calendar has."""

    form_fits: bool


def check_form(form: str) -> str:
    """Give back a form that says day, month and year once each.

    Raises
    ------
    ValueError
        If it does not, with a sentence for whoever wrote it.
    """
    if "%" in form:
        raise ValueError("write a form as people do: DD.MM.YYYY, not %d.%m.%Y")
    words = [word for word in _words(form) if word[0].isalpha() and word[0] != "T"]
    if odd := [word for word in words if word not in _TOKENS]:
        raise ValueError(f"{odd[0]!r} is no part of a date: use {', '.join(_TOKENS)}")
    kinds = sorted(word[0] for word in words if word[0] in "YMD")
    if kinds != ["D", "M", "Y"]:
        raise ValueError("say year (YYYY), month (MM or MMM) and day (DD) once each")
    return form


@cache
def reader(form: str) -> Callable[[str], int]:
    """Make the function that turns a text of a form into the number of its day.

    Numbers count days of the Gregorian calendar; only differences have a meaning. The function
    raises `NoDateError`.
    """
    pattern = re.compile("".join(_pattern(word) for word in _words(form)), re.IGNORECASE)

    def day_number(text: str) -> int:
        found = pattern.fullmatch(text)
        if found is None:
            raise NoDateError(form_fits=False)
        parts = found.groupdict()
        name = parts.get("name")
        month = MONTHS.index(name.lower()) + 1 if name else int(parts["month"])
        try:
            return date(int(parts["year"]), month, int(parts["day"])).toordinal()
        except ValueError:
            raise NoDateError(form_fits=True) from None

    return day_number


def _pattern(word: str) -> str:
    return _TOKENS[word] if word in _TOKENS else re.escape(word)


def _words(form: str) -> list[str]:
    """Cut a form into runs of one letter and the signs between; `T` is a sign, as in ISO 8601."""
    cut = groupby(form, key=lambda sign: sign if sign.isalpha() and sign != "T" else "")
    return ["".join(run) for _, run in cut]
