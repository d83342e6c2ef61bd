"""Numbers as a reader of a medical journal meets them, always with a word where there is none."""

import math

from protocol.results.publication.withheld import Withheld

NONE = "not estimable"
YEAR_DAYS = 365.25
MONTH_DAYS = YEAR_DAYS / 12


def count(value: float) -> str:
    """Write a count with thousands separators; weighted ones with a decimal."""
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"


def weight(value: float) -> str:
    """Write a sum of weights or an effective size: one decimal, none from a thousand on."""
    return f"{value:,.1f}" if value < 999.95 else f"{value:,.0f}"


def absent(value: float, word: str = NONE) -> str:
    """Say why a number is not there: a word, or those that a publication has in its place."""
    return value.words if isinstance(value, Withheld) else word


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage: "36.4 %"."""
    return absent(share) if math.isnan(share) else f"{_signed(100 * share, digits)} %"


def decimal(value: float, digits: int = 2) -> str:
    """Write a number with fixed decimals and a true minus sign; never "-0.00"."""
    return absent(value) if math.isnan(value) else _signed(value, digits)


def _signed(value: float, digits: int) -> str:
    if math.isinf(value):
        return "infinite"
    text = f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        return text.lstrip("-")
    return text.replace("-", "−")


def p_value(p: float) -> str:
    """Write a P value: three decimals below 0.2, two above, and never 0."""
    if math.isnan(p):
        return absent(p)
    if p < 0.001:
        return "< 0.001"
    if p > 0.99:
        return "> 0.99"
    return f"{p:.3f}" if p < 0.2 else f"{p:.2f}"


def p_phrase(p: float) -> str:
    """Write a P value as a phrase: "P = 0.016", "P < 0.001"."""
    text = p_value(p)
    if math.isnan(p):
        return f"P {text}"
    return f"P {text}" if text[0] in "<>" else f"P = {text}"


def limits(low: float, high: float, digits: int = 2) -> str:
    """Write two limits: "0.47 to 0.93"; an end that is not there says so."""
    if math.isnan(low) and math.isnan(high):
        return absent(low)
    return f"{_end(low, digits)} to {_end(high, digits)}"


def _end(value: float, digits: int) -> str:
    if math.isinf(value):
        return "no limit"
    return absent(value, "not reached") if math.isnan(value) else _signed(value, digits)


def interval(estimate: float, low: float, high: float, digits: int = 2) -> str:
    """Write an estimate with its limits: "0.66 (0.47 to 0.93)"."""
    if math.isnan(estimate):
        return absent(estimate)
    return f"{_signed(estimate, digits)} ({limits(low, high, digits)})"


def percent_interval(share: float, low: float, high: float) -> str:
    """Write a share with its limits in per cent: "36.4 % (27.0 to 45.8)"."""
    if math.isnan(share):
        return absent(share)
    return f"{percent(share)} ({limits(100 * low, 100 * high, 1)})"


def stacked(estimate: float, low: float, high: float, digits: int = 2) -> str:
    """Write an estimate with its limits on a second line, for narrow columns."""
    if math.isnan(estimate):
        return absent(estimate)
    return f"{_signed(estimate, digits)}\n{limits(low, high, digits)}"


def stacked_percent(share: float, low: float, high: float) -> str:
    """Write a share in per cent with its limits on a second line."""
    if math.isnan(share):
        return absent(share)
    return f"{percent(share)}\n{limits(100 * low, 100 * high, 1)}"


def moment(time: float, unit: str) -> str:
    """Write a time in the largest unit that it is a whole number of: "5 years", "30 days"."""
    in_year = {"day": 365, "month": 12}[unit]
    whole_years = time / in_year if time % in_year == 0 else time / YEAR_DAYS
    if time > 0 and abs(whole_years - round(whole_years)) < 1e-9 and round(whole_years):
        return _plural(round(whole_years), "year")
    return _plural(round(time), unit) if float(time).is_integer() else f"{time:,.1f} {unit}s"


def _plural(number: int, unit: str) -> str:
    return f"{number:,} {unit}{'' if number == 1 else 's'}"


def months(time: float, unit: str) -> float:
    """Turn a time in the study's unit into months of 365.25/12 days."""
    return time if unit == "month" else time / MONTH_DAYS


def span_unit(unit: str) -> str:
    """Name the unit in which estimated times are told: months, unless the study has its own."""
    return "months" if unit == "day" else f"{unit}s"


def list_of(words: list[str]) -> str:
    """Join words: "a, b and c"."""
    *first, last = words or ["none"]
    return f"{', '.join(first)} and {last}" if first else last
