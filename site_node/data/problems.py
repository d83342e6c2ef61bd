"""Says what is wrong with an extract, variable by variable, and how to mend it."""

from typing import assert_never

from protocol.errors import Problem
from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Category, Number, Time, levels
from site_node.data.tally import ABOUT_ABSENCE, PATIENT_ID, Violation
from site_node.data.units import Suspicion
from site_node.data.values import AnyVariable, Rule

MAX_ID_BYTES = 64


def problem(plan: Plan, found: Violation, suspicion: Suspicion | None = None) -> Problem:
    """Make a sentence of a violation that refuses the extract; a wrong unit would explain it."""
    rule = f"{found.rule} in {found.count:,} {'row' if found.count == 1 else 'rows'}"
    fix = _FIXES[found.rule].format(variable=found.variable)
    if found.variable != PATIENT_ID and found.rule not in _ABSENCE_WORDS:
        rule += f"; the plan takes {_wanted(plan.variable(found.variable))}"
    if suspicion and suspicion.factor and found.rule == Rule.OUT_OF_RANGE.words:
        rule += f"; {suspicion.words}"
        fix = (
            f"if so, say {found.variable} = {suspicion.factor:.6g} under [units] in the mapping "
            f"file, or else check the values"
        )
    return Problem(found.variable, rule, fix)


def _wanted(variable: AnyVariable) -> str:
    """Say which values the plan takes."""
    match variable:
        case Number():
            kind = "whole numbers" if variable.type == "integer" else "numbers"
            low, high = variable.range
            return f"{kind} from {low:g} to {high:g} {variable.unit}".rstrip()
        case Time():
            return f"whole numbers from {variable.range[0]} to {variable.range[1]}"
        case Category() | Binary():
            return f"the levels {', '.join(levels(variable))}"
        case _:
            assert_never(variable)


_ABSENCE_WORDS = tuple(rule.words for rule in ABOUT_ABSENCE)
_FIXES = {
    rule.words: fix
    for rule, fix in {
        Rule.MISSING: "fill in the fields, or ask for a plan that says what a missing value does",
        Rule.BLANKS: "remove the blanks before and after the values, or say trim = true under "
        "[file] in the mapping file",
        Rule.NOT_A_NUMBER: "write numbers with a decimal point and without units or separators, "
        "and leave the field empty where there is no value; the mapping file can state a decimal "
        "comma and words for a missing value",
        Rule.NOT_A_WHOLE_NUMBER: "write whole numbers, without a decimal point",
        Rule.NOT_A_DATE: 'state the form in the mapping file, such as dates = "DD.MM.YYYY" under '
        "[days.{variable}]",
        Rule.NO_SUCH_DAY: "correct the dates; if many are like that, day and month are the other "
        "way round in the mapping file's form",
        Rule.OUT_OF_RANGE: "check the values and their unit",
        Rule.NEGATIVE_TIME: "check the dates that the time is counted between",
        Rule.UNKNOWN_LEVEL: "say in the mapping file, under [levels.{variable}], which level each "
        "spelling stands for",
        Rule.EVENT_WITHOUT_TIME: "fill in the time of the event",
        Rule.TIME_WITHOUT_STATUS: "fill in how the time ended",
        Rule.EMPTY_ID: "give every patient an id",
        Rule.DUPLICATE_ID: "keep one row for each patient",
        Rule.LONG_ID: f"use ids of at most {MAX_ID_BYTES} bytes",
    }.items()
}
