"""Sentences on the single entries of a plan, which `explain` puts together."""

from typing import assert_never

from protocol.plan.adjustment import (
    Covariate,
    Design,
    Imputation,
    Propensity,
    Stratification,
    Weighting,
)
from protocol.plan.columns import reference_level
from protocol.plan.endpoints import AnyEndpoint, BinaryOutcome, Subgroup, TimeToEvent
from protocol.plan.finding import AnyOf
from protocol.plan.model import Plan, Sensitivity
from protocol.plan.patients import Condition, Population
from protocol.plan.phrases_further import (
    further_outcome,
    further_sensitivity,
    further_subgroup,
    further_survival,
)
from protocol.plan.sentences import joined, quoted
from protocol.plan.variables import Binary, Category, Number, Time, levels


def number(value: float) -> str:
    """Write a number as short as it can be told exactly: 60, 0.1, 100,000."""
    return f"{int(value):,}" if float(value).is_integer() else repr(float(value))


def label(plan: Plan, name: str) -> str:
    """Call a variable by its label, with its unit."""
    variable = plan.variable(name)
    unit = variable.unit if isinstance(variable, Number) else ""
    return f"{variable.label} ({unit})" if unit else variable.label


def values(variable: AnyOf) -> str:
    """Say which values a variable may have."""
    match variable:
        case Number():
            kind = "whole numbers" if variable.type == "integer" else "numbers"
            low, high = variable.range
            unit = f" ({variable.unit})" if variable.unit else ""
            return f"{kind} from {number(low)} to {number(high)}{unit}"
        case Category():
            return ", ".join(variable.levels)
        case Binary():
            return "1 or 0"
        case Time():
            return f"times from {number(variable.range[0])} to {number(variable.range[1])}"
        case _:
            assert_never(variable)


def missing(variable: AnyOf, plan: Plan) -> str:
    """Say what a missing value does."""
    if isinstance(variable, Category) and variable.missing_level is not None:
        return f"counts as '{variable.missing_level}'"
    if variable.name == plan.treatment.variable and variable.missing == "complete-case":
        return "the patient is excluded"
    match variable.missing:
        case "refuse":
            return "the extract is refused"
        case "exclude":
            return "the patient is excluded"
        case "complete-case":
            return "the patient is left out where it is needed"
        case _:
            assert_never(variable.missing)


def condition(plan: Plan, rule: Condition) -> str:
    """Say a condition: "Age (year) is at most 85"."""
    name, value = label(plan, rule.variable), number(rule.value or 0)
    low, high = rule.between or (0.0, 0.0)
    match rule.rule:
        case "at-least" | "at-most":
            return f"{name} is {rule.rule.replace('-', ' ')} {value}"
        case "between":
            return f"{name} is between {number(low)} and {number(high)}, both included"
        case "one-of":
            return f"{name} is {joined(quoted(rule.levels), 'or')}"
        case "none-of":
            return f"{name} is known and not {joined(quoted(rule.levels), 'nor')}"
        case "known":
            return f"{name} is known"
        case _:
            assert_never(rule.rule)


def form(plan: Plan, covariate: Covariate) -> str:
    """Say how a covariate stands in the model."""
    variable = plan.variable(covariate.variable)
    if isinstance(variable, Binary):
        return "1 against 0"
    match covariate.form:
        case "linear":
            return "on a straight line"
        case "log":
            return "its natural logarithm"
        case "categories":
            first = reference_level(plan, covariate)
            return (
                f"{joined(quoted(lv for lv in levels(variable) if lv != first))} against '{first}'"
            )
        case "spline":
            knots = joined([number(knot) for knot in covariate.knots])
            return f"a restricted cubic spline with knots at {knots}"
        case _:
            assert_never(covariate.form)


def fitted(model: Propensity) -> str:
    """Say how the model is fitted, and what happens if covariates separate the arms."""
    match model.penalty:
        case "ridge":
            sd = number(model.ridge_prior_sd)
            return f"It is fitted with a ridge penalty (prior SD {sd} on standardised columns)."
        case "firth":
            return "It is fitted with Firth's penalty, which takes off the bias of small samples."
        case "none":
            return _fallback(model)
        case _:
            assert_never(model.penalty)


def _fallback(model: Propensity) -> str:
    found = "If covariates tell the arms apart without error, so that no best fit exists,"
    match model.fallback:
        case "stop":
            return f"{found} the column is named, and what needs the score is left out."
        case "ridge":
            sd = number(model.ridge_prior_sd)
            return (
                f"{found} it goes on with a ridge penalty (prior SD {sd} on standardised columns)."
            )
        case "firth":
            return f"{found} it goes on with Firth's penalty."
        case _:
            assert_never(model.fallback)


def design(plan: Plan, entry: Design) -> str:
    """Say how a design picks its patients."""
    ratio = "one partner" if entry.ratio == 1 else f"up to {entry.ratio} partners"
    match entry.method:
        case "pooled-quota":
            how = "across hospitals, by quotas of score bins"
            draw = (
                f" Who fills a quota is drawn by lot; of {entry.lottery_keys} lotteries the best "
                "balanced is kept, before any outcome is seen."
            )
            draw = draw if entry.lottery_keys > 1 else " Who fills a quota is drawn by lot."
        case "within-hospital":
            how, draw = "within each hospital, nearest score first", ""
        case _:
            assert_never(entry.method)
    agree = [label(plan, name) for name in entry.exact]
    exact = f" Pairs agree on {joined(agree)}." if agree else ""
    sds = f"{number(entry.caliper_sd)} standard deviations of the logit score"
    apart = f"no farther apart than {sds}" if entry.caliper == "strict" else "however far apart"
    return (
        f"{entry.label} ('{entry.name}'): each patient of the smaller arm gets {ratio} {how}, "
        f"{apart}.{exact}{draw}{_pairs(entry)}"
    )


def _pairs(entry: Design) -> str:
    """Say what leaves so that pairs can be looked at."""
    if not entry.pairs:
        return ""
    if entry.method == "within-hospital":
        return (
            " Each hospital counts its pairs by which partner has an event, and adds up squares "
            "of what the patients of a set have in common; who is in a pair stays."
        )
    return (
        " Events by each landmark are counted in groups of at least five pairs, both sides apart; "
        "who is paired with whom, nobody knows."
    )


_TARGETS = {
    "overlap": "patients who could have had either arm",
    "treated": "the treated patients",
    "comparator": "the patients of the comparator",
    "everybody": "all patients",
    "everybody-stabilised": "all patients, with stabilised weights",
    "matchable": "patients whom a one-to-one match would take",
}


def target(entry: Weighting) -> str:
    """Say whom the weighted arms resemble."""
    return _TARGETS[entry.target]


def weighting(entry: Weighting) -> str:
    """Say how a weighting makes the arms comparable."""
    return (
        f"{entry.label} ('{entry.name}'): each patient weighs so much, by the own propensity "
        f"score, that both arms resemble {target(entry)}. The weights stay in the hospital; sums "
        f"of weights and of their squares leave it.{_bounded(entry)}"
    )


def _bounded(entry: Weighting) -> str:
    said = ""
    if entry.fine_strata is not None:
        said += (
            f" The share of treated in {entry.fine_strata} fine strata of the score stands for the "
            "score; for them patients are counted by its bins."
        )
    if entry.trim is not None:
        said += (
            f" Patients with a propensity below {number(entry.trim)} or above "
            f"{number(1 - entry.trim)} are left out."
        )
    if entry.truncate is not None:
        said += f" A weight above {number(entry.truncate)} counts as {number(entry.truncate)}."
    return said


def stratification(entry: Stratification) -> str:
    """Say how strata are cut, and what leaves of each."""
    return (
        f"{entry.label}: patients are put into {entry.strata} strata of about equal size by their "
        "score, cut at bins of its histogram, and the arms are compared within strata. The tables "
        "of every stratum leave the hospital."
    )


def imputation(entry: Imputation) -> str:
    """Say how missing covariates are imputed, and what leaves for it."""
    return (
        f"Besides, each weighted comparison is made over all patients, with missing covariates "
        f"imputed {entry.imputations} times by chained equations in {entry.cycles} sweeps. "
        "Models are drawn from sums over all hospitals, the outcomes among their columns; each "
        "hospital draws its own patients' values, which stay. Rubin's rules pool the estimates."
    )


def population(plan: Plan, entry: Population) -> str:
    """Say who is in a population."""
    who = joined([condition(plan, rule) for rule in entry.conditions] or ["everybody"])
    weighed = f", weighted by {label(plan, entry.weight)}" if entry.weight else ""
    return f"{who}{weighed}"


def endpoint(plan: Plan, entry: AnyEndpoint) -> str:
    """Say what an endpoint counts and what is reported of it."""
    match entry:
        case TimeToEvent():
            return _survival(plan, entry)
        case BinaryOutcome():
            variable = plan.variable(entry.variable)
            counted = _event(variable, entry.event_levels)
            share = f"{entry.label} ('{entry.name}'): the share of patients with {counted}, by arm."
            return share + further_outcome(entry)
        case _:
            assert_never(entry)


TESTS = {
    "gehan": "Gehan's",
    "tarone-ware": "Tarone and Ware's",
    "peto-peto": "Peto and Peto's",
    "modified-peto-peto": "Peto and Peto's modified",
    "fleming-harrington-1-0": "Fleming and Harrington's (1, 0)",
    "fleming-harrington-0-1": "Fleming and Harrington's (0, 1)",
    "fleming-harrington-1-1": "Fleming and Harrington's (1, 1)",
    "fleming-harrington-half-half": "Fleming and Harrington's (1/2, 1/2)",
}
"""What the further tests of equal hazards are called."""


def sensitivity(entry: Sensitivity) -> tuple[str, ...]:
    """Say what is asked about hospitals, and what each answer shows."""
    said = []
    if entry.heterogeneity:
        said.append(
            "Do hospitals agree? Each hospital's own hazard ratio enters sums of weights and of "
            "weighted effects, over five hospitals at least (rule S7). No hospital's is shown."
        )
    if entry.common_odds:
        said.append(
            "Outcomes without a time are also compared within hospitals, by Mantel and Haenszel's "
            "odds ratio: seven sums over four hospitals at least (rule S7), no hospital's table."
        )
    if entry.leave_one_out:
        said.append(
            "Between which limits does the hazard ratio stay when any one hospital is left out? "
            "Only the outermost steps of a coarse scale are shown, over five hospitals at least "
            "(rule S7); which hospitals they are, nobody learns (rule L)."
        )
    if entry.lottery:
        said.append(
            "How far would another lottery have moved the hazard ratio? One sum of score residuals "
            "leaves for each lottery that was not kept, where lotteries differ by five patients of "
            "an arm at least (rule D)."
        )
    return (*said, *further_sensitivity(entry))


def subgroup(plan: Plan, entry: Subgroup) -> str:
    """Say which subgroups a variable makes."""
    variable = plan.variable(entry.variable)
    if isinstance(variable, Binary):
        return f"{variable.label}: yes and no, each by itself.{further_subgroup(entry)}"
    shown = joined(quoted(levels(variable)))
    return f"{variable.label}: {shown}, each by itself.{further_subgroup(entry)}"


def _survival(plan: Plan, entry: TimeToEvent) -> str:
    unit = plan.study.time_unit
    said = (
        f"{entry.label} ('{entry.name}'): time in {unit}s ({label(plan, entry.time)}) until "
        f"{_event(plan.variable(entry.event), entry.event_levels)}."
    )
    for cause, chosen in entry.competing.items():
        said += f" Competing cause '{cause}': {_event(plan.variable(entry.event), chosen)}."
    said += " All others are censored at their time."
    if entry.landmarks:
        said += f" Reported at {joined([number(t) for t in entry.landmarks])} {unit}s."
    if entry.horizon is not None:
        said += f" Mean survival time is taken up to {number(entry.horizon)} {unit}s."
    if entry.further_tests:
        tests = joined([TESTS[name] for name in entry.further_tests])
        said += f" Beside the log-rank test, the arms are compared by {tests} test."
    if entry.adjusted:
        said += (
            " A hazard ratio adjusted for the covariates is fitted with hazards of each "
            "hospital's own, from sums over four hospitals at least (rule S7)."
        )
    return said + further_survival(entry)


def _event(variable: AnyOf, chosen: tuple[str, ...]) -> str:
    if isinstance(variable, Binary):
        return f"'{variable.label}'" if chosen == ("1",) else f"no '{variable.label}'"
    return f"{variable.label} {joined(quoted(chosen), 'or')}"
