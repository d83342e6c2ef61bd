"""The columns that a plan's covariates stand for: of the propensity model and of balance tables."""

from dataclasses import dataclass
from typing import Literal

from protocol.plan.adjustment import Covariate
from protocol.plan.model import Plan
from protocol.plan.variables import Binary, Category, Number, levels


@dataclass(frozen=True)
class Column:
    """One column of numbers, made of one variable.

    `form` says how: the number itself, its natural logarithm, 1 at one level and 0 at others, or
    the `term`-th basis function of a restricted cubic spline over `knots` (term 0 is linear).
    """

    name: str
    variable: str
    label: str
    form: Literal["linear", "log", "level", "spline"]
    level: str = ""
    knots: tuple[float, ...] = ()
    term: int = 0

    @property
    def indicator(self) -> bool:
        """Whether the column holds only 0 and 1."""
        return self.form == "level"


def model_columns(plan: Plan) -> tuple[Column, ...]:
    """Columns of the propensity model without the intercept, in the plan's order.

    A factor gives one column for each level but its reference; names are `ras=mutant`, binary
    and linear covariates keep the variable's name.
    """
    if plan.propensity is None:
        return ()
    return tuple(c for covariate in plan.propensity.covariates for c in _columns(plan, covariate))


def balance_columns(plan: Plan) -> tuple[Column, ...]:
    """Columns whose balance is reported: every level of every factor, a spline by its variable."""
    if plan.propensity is None:
        return ()
    found: list[Column] = []
    for covariate in plan.propensity.covariates:
        variable = plan.variable(covariate.variable)
        if isinstance(variable, Category):
            found += [level_column(variable, level) for level in variable.levels]
        else:
            found.append(_columns(plan, covariate)[0])
    return tuple(found)


def level_column(variable: Category | Binary, level: str) -> Column:
    """Describe the column that is 1 at one level of a variable."""
    if isinstance(variable, Binary):
        return Column(variable.name, variable.name, variable.label, "level", level="1")
    name, label = f"{variable.name}={level}", f"{variable.label}: {level}"
    return Column(name, variable.name, label, "level", level=level)


def number_column(variable: Number) -> Column:
    """Describe the column that is a numeric variable itself."""
    return Column(variable.name, variable.name, variable.label, "linear")


def reference_level(plan: Plan, covariate: Covariate) -> str:
    """Name the level that the others are compared with."""
    return covariate.reference or levels(plan.variable(covariate.variable))[0]


def _columns(plan: Plan, covariate: Covariate) -> tuple[Column, ...]:
    variable = plan.variable(covariate.variable)
    if isinstance(variable, Binary):
        return (level_column(variable, "1"),)
    if isinstance(variable, Category):
        left_out = reference_level(plan, covariate)
        return tuple(level_column(variable, lv) for lv in variable.levels if lv != left_out)
    name, label = variable.name, variable.label
    if covariate.form == "log":
        return (Column(f"log({name})", name, f"ln {label}", "log"),)
    if covariate.form == "spline":
        terms = range(len(covariate.knots) - 1)
        return tuple(
            Column(name if t == 0 else f"{name}'{t}", name, label, "spline", "", covariate.knots, t)
            for t in terms
        )
    return (Column(name, name, label, "linear"),)
