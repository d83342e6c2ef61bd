"""Make a plan and hospitals of a case, and play the study under masks."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from protocol.canonical import digest
from protocol.cohort import Cohort, Extract, enrol
from protocol.ids import site_id
from protocol.layout import ReleaseError
from protocol.parts.propensity import Scores
from protocol.plan.adjustment import Covariate, Propensity, Weighting
from protocol.plan.endpoints import AnyEndpoint, BinaryOutcome, TimeToEvent
from protocol.plan.model import Disclosure, Plan, Study
from protocol.plan.patients import Condition, Population, Treatment
from protocol.plan.variables import AnyVariable, Binary, Category, Number, Time
from protocol.run import Played, play
from tests.reference.axis import TimeAxis, lay_axis
from tests.reference.bench import Bench
from tests.reference.case import Case, Rows, same
from tests.reference.rows import Matching, selections
from tests.reference.terms import Ending, Terms, binary, measures, terms_of

ARM = "arm"
SEED = digest("reference", "seed")
WEIGHTINGS = (
    Weighting(name="ate", target="everybody"),
    Weighting(name="sate", target="everybody-stabilised"),
    Weighting(name="att", target="treated"),
    Weighting(name="atc", target="comparator"),
    Weighting(name="overlap", target="overlap"),
    Weighting(name="matching", target="matchable"),
)
"""The weights of R's script, under its names."""
MAX_SELECTIONS = 6
"""Populations looked at in one study: patterns of membership double with each."""


@dataclass(frozen=True, eq=False)
class Selection:
    """Patients selected beforehand, with weights if these are not all 1.

    `made` is the selection as R's script makes it, with who is paired with whom; None where that
    cannot be told.
    """

    name: str
    code: str
    weighted: bool
    made: Matching | None = None


@dataclass(frozen=True, eq=False)
class Group:
    """Some selections, the study of them, and its hospitals."""

    played: Played
    bench: Bench
    chosen: tuple[Selection, ...]


@dataclass(frozen=True, eq=False)
class Studied:
    """A case that has been played: once, and again for weighted patients and for selections.

    `first` is the study from which everything is read that is not about these.
    """

    terms: Terms
    axis: TimeAxis
    first: Played
    bench: Bench
    weighted: Played | None
    matched: tuple[Group, ...]


def studied(case: Case) -> Studied:
    """Play as many studies of a case as its selections need.

    Patients that are given as selected are taken as they are; selections that are not given are
    made as R's script makes them.
    """
    terms = terms_of(case)
    axis = lay_axis(text for e in terms.survival for text in case.there(e.time))
    first = play_case(terms, axis, ())
    bench = bench_of(terms, axis, ())
    made = selections(case, first, bench)
    groups = tuple(_groups(terms, axis, made))
    return Studied(terms, axis, first, bench, _weighted(terms, axis, first), groups)


def _groups(terms: Terms, axis: TimeAxis, made: Mapping[str, Matching]) -> Iterator[Group]:
    """Play selections a few at a time."""
    weights: dict[str, Mapping[str, float]] = {n: one.weights for n, one in made.items()}
    weights.update(terms.case.selections)
    terms = replace(terms, case=replace(terms.case, selections=weights))
    chosen = [
        Selection(name, f"s{k:03d}", any(weight != 1 for weight in own.values()), made.get(name))
        for k, (name, own) in enumerate(weights.items())
        if own
    ]
    for k in range(0, len(chosen), MAX_SELECTIONS):
        group = tuple(chosen[k : k + MAX_SELECTIONS])
        yield Group(play_case(terms, axis, group), bench_of(terms, axis, group), group)


def _weighted(terms: Terms, axis: TimeAxis, first: Played) -> Played | None:
    """Play a study of weighted patients, which needs a fit without a penalty, as R's is.

    It is one of its own, since a weight beyond what a plan allows stops a study.
    """
    scores = first.findings.scores
    if not isinstance(scores, Scores) or scores.fit.penalty != "none":
        return None
    few = replace(terms, outcomes=(), competing=None)
    try:
        return play_case(few, axis, (), WEIGHTINGS)
    except ReleaseError:
        return None


def bench_of(terms: Terms, axis: TimeAxis, chosen: tuple[Selection, ...]) -> Bench:
    """Bring a case's hospitals to where steps can be asked of them one by one."""
    plan = plan_of(terms, axis, chosen)
    return Bench(plan, tuple(terms.case.sites), tuple(cohorts(plan, terms, axis, chosen)))


def play_case(
    terms: Terms,
    axis: TimeAxis,
    chosen: tuple[Selection, ...],
    weightings: tuple[Weighting, ...] = (),
    *,
    firth: bool = False,
) -> Played:
    """Play one study over the hospitals of a case; `firth` penalises the fit from the start."""
    plan = plan_of(terms, axis, chosen, weightings)
    if firth and plan.propensity is not None:
        model = plan.propensity.model_copy(update={"penalty": "firth"})
        plan = plan.model_copy(update={"propensity": model})
    return play(plan, list(cohorts(plan, terms, axis, chosen)), SEED)


def plan_of(
    terms: Terms,
    axis: TimeAxis,
    chosen: tuple[Selection, ...],
    weightings: tuple[Weighting, ...] = (),
) -> Plan:
    """Write the plan: everything that a study can ask of the case, under the profile `open`."""
    case = terms.case
    column, treated = _treatment(case)
    arms = [same(text, treated) for text in case.there(column)]
    return Plan(
        version=1,
        study=Study(id="reference", title="A reference case", purpose="Meet the results of R."),
        disclosure=Disclosure(
            profile="open",
            min_sites=1,
            expected_treated=max(1, sum(arms)),
            expected_comparator=max(1, len(arms) - sum(arms)),
            max_patients_per_hospital=max(len(rows[column]) for rows in case.sites.values()),
        ),
        variables=(
            Binary(name=ARM, label=column, missing="exclude", type="binary"),
            *(measure.variable for measure in measures(terms)),
            *(rank for measure in terms.covariates for rank in measure.ranks),
            *(variable for e in terms.survival for variable in _timed(e, axis)),
            *(_weight(case, selection) for selection in chosen),
        ),
        treatment=Treatment(
            variable=ARM, treated=("1",), comparator=("0",), treated_label="treated",
            comparator_label="comparator",
        ),
        propensity=_propensity(terms),
        weightings=weightings,
        populations=tuple(_population(selection) for selection in chosen),
        endpoints=(*(_survival(e) for e in terms.survival), *_outcomes(terms)),
    )  # fmt: skip


def cohorts(
    plan: Plan, terms: Terms, axis: TimeAxis, chosen: tuple[Selection, ...]
) -> Iterator[Cohort]:
    """Enrol each hospital's own rows."""
    for number, (name, rows) in enumerate(terms.case.sites.items()):
        values = {m.code: m.coded(rows) for m in measures(terms)}
        for measure in terms.covariates:
            values |= measure.ranked(rows)
        values[ARM] = _arm(terms.case, rows)
        for ending in terms.survival:
            times = [axis.whole(text) if text else -1 for text in rows[ending.time]]
            values[f"{ending.code}t"] = np.array(times, dtype=np.int32)
            values[f"{ending.code}s"] = ending.coded(rows)
        for selection in chosen:
            values[selection.code] = _weights(terms.case, rows, selection)
        size = len(values[ARM])
        ids = np.array([f"{row}".encode() for row in range(size)], dtype="S16")
        extract = Extract(ids, values, np.zeros(size, dtype=np.bool_))
        # Any text may name a hospital in a file; a roster is more particular.
        yield enrol(plan, site_id(f"H{number:04d}"), extract, digest("secret", name))


def _treatment(case: Case) -> tuple[str, object]:
    what = case.dictionary["treatment"]
    return what["column"], what["treated"]


def _arm(case: Case, rows: Rows) -> np.typing.NDArray[np.int8]:
    """Code who is treated; everybody else of whom it is known is a comparator."""
    column, treated = _treatment(case)
    return np.array([same(t, treated) if t else -1 for t in rows[column]], dtype=np.int8)


def _weights(case: Case, rows: Rows, selection: Selection) -> np.typing.NDArray[np.float64]:
    given = case.selections[selection.name]
    return np.array([given.get(patient, np.nan) for patient in rows[case.ids]], dtype=np.float64)


def _weight(case: Case, selection: Selection) -> AnyVariable:
    most = max([1.0, *case.selections[selection.name].values()])
    return Number(
        name=selection.code, label=selection.name, missing="complete-case", type="number",
        range=(0.0, most),
    )  # fmt: skip


def _population(selection: Selection) -> Population:
    """Take the patients who have a weight; the others' is missing."""
    return Population(
        name=f"p{selection.code}",
        label=selection.name,
        conditions=(Condition(variable=selection.code, rule="known"),),
        weight=selection.code if selection.weighted else None,
    )


def _timed(ending: Ending, axis: TimeAxis) -> tuple[AnyVariable, AnyVariable]:
    time = Time(
        name=f"{ending.code}t", label=ending.time, missing="complete-case", type="time",
        range=(0, axis.last),
    )  # fmt: skip
    code, label = f"{ending.code}s", ending.status
    if len(ending.levels) == 3 and ending.censor is None:
        return time, binary(code, label)
    status = Category(
        name=code, label=label, missing="complete-case", type="category", levels=ending.levels
    )
    return time, status


def _survival(ending: Ending) -> AnyEndpoint:
    many = ending.censor is not None
    first, *others = ending.levels[1:]
    return TimeToEvent(
        name=ending.code,
        label=ending.name,
        type="time-to-event",
        time=f"{ending.code}t",
        event=f"{ending.code}s",
        event_levels=(first,) if many else ("1",),
        competing={level: (level,) for level in others} if many else {},
    )


def _outcomes(terms: Terms) -> Iterator[AnyEndpoint]:
    """Count outcomes of two levels as outcomes; those of more are levels like a covariate's."""
    for measure in terms.outcomes:
        if len(measure.levels) == 2:
            yield BinaryOutcome(
                name=f"{measure.code}o", label=measure.name, type="binary", variable=measure.code,
                event_levels=measure.levels[1:],
            )  # fmt: skip


def _propensity(terms: Terms) -> Propensity | None:
    if not terms.covariates:
        return None
    return Propensity(
        covariates=tuple(
            Covariate(
                variable=m.code,
                form="categories" if isinstance(m.variable, Category) else "linear",
            )
            for m in terms.covariates
        ),
        fallback="firth",
    )
