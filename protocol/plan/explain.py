"""A plan in plain sentences, for the people who approve it: reviewers and statisticians.

Plain data, so that a terminal, a page and a document show the same words. `phrases` has the
sentences on single entries. What the rows of the table "what will leave each hospital" are is
known to the program of the study, which plays it beforehand; here they are only laid out.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from protocol.plan import phrases, profiles
from protocol.plan.columns import model_columns
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.sentences import joined, quoted
from protocol.plan.variables import Number
from protocol.plan.words import handle

NEVER_LEAVES = (
    "A row of a patient.",
    "Identifiers: no patient's id, name, number or address. One seal over the whole extract goes "
    "out, so that it cannot be changed unseen; it is keyed with a secret that stays.",
    "Dates: times count from time zero, and no calendar date is read.",
    "Free text: what is read are numbers and the levels listed above.",
    "This hospital's own counts and sums in the clear: they go out under masks that cancel only in "
    "the sum over all hospitals.",
    "Nor does program code come in: a plan is data, and the hospital runs the version of the "
    "program that it has installed.",
)

LOCKED = (
    "Outcomes are locked: none is asked for before the coordinating centre has looked at the "
    "balance and unlocked them with a reason, which is logged."
)


@dataclass(frozen=True)
class Table:
    """Rows of text under a header; all of one length."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Section:
    """One topic: sentences, then a table where there is one."""

    title: str
    sentences: tuple[str, ...]
    table: Table | None = None


@dataclass(frozen=True)
class Leaving:
    """One release: a thing that leaves each hospital once.

    `trip` counts from 1; `numbers` and `bytes` are for one hospital; `exactly` is false where
    both depend on totals that only the study will show.
    """

    trip: int
    step: str
    what: str
    numbers: int
    bytes: int
    exactly: bool


def explain(plan: Plan) -> list[Section]:
    """Say a whole plan, from its purpose to what can never leave a hospital.

    For a plan without problems; see `check`.
    """
    return [
        _study(plan),
        _patients(plan),
        _dictionary(plan),
        _arms(plan),
        _comparable(plan),
        _populations(plan),
        _endpoints(plan),
        _subgroups(plan),
        *_sensitivity(plan),
        Section("Who may see what", profiles.sentences(plan)),
        Section("What can never leave a hospital", NEVER_LEAVES),
    ]


def leaving_table(rows: Sequence[Leaving]) -> Table:
    """Lay out what will leave each hospital: a row for each kind, with the total in the last.

    Releases of one kind (the trips of a fit, the tables of several endpoints) share a row.
    """
    kinds: dict[tuple[str, str], list[Leaving]] = {}
    for row in rows:
        kinds.setdefault((row.step, row.what), []).append(row)
    body = [_kind(step, what, same) for (step, what), same in kinds.items()]
    total = _kind("all", "everything together", rows)
    return Table(
        ("step", "what leaves", "trips", "releases", "numbers", "bytes", "size"), (*body, total)
    )


def _kind(step: str, what: str, rows: Sequence[Leaving]) -> tuple[str, ...]:
    trips = [row.trip for row in rows]
    span = f"{min(trips, default=0)}" if len(set(trips)) < 2 else f"{min(trips)}–{max(trips)}"
    return (
        step,
        what,
        span,
        f"{len(rows):,}",
        f"{sum(row.numbers for row in rows):,}",
        f"{sum(row.bytes for row in rows):,}",
        _certainty(all(row.exactly for row in rows)),
    )


def _certainty(exactly: bool) -> str:
    return "exactly" if exactly else "about"


def _study(plan: Plan) -> Section:
    study = plan.study
    people = [
        f"{person.name}, {person.role}" + (f" ({person.affiliation})" if person.affiliation else "")
        for person in study.people
    ]
    answers = f"Answering for it: {'; '.join(people)}." if people else "Nobody is named for it."
    return Section(
        study.title,
        (
            study.purpose,
            answers,
            f"This plan is called {handle(plan_digest(plan))}; any change of a value gives it "
            "another name.",
        ),
    )


def _patients(plan: Plan) -> Section:
    invalid = [v.label for v in plan.variables if v.invalid == "exclude"]
    required = [v.label for v in plan.variables if v.missing == "exclude"]
    arms = joined(quoted(plan.treatment.treated + plan.treatment.comparator), "nor")
    rows = [
        ("A value outside the study's dictionary", _looked_at(invalid)),
        ("A required value is missing", _looked_at(required)),
        (
            "In neither arm of the comparison",
            f"{phrases.label(plan, plan.treatment.variable)} is neither {arms}",
        ),
    ]
    rows += [(c.reason, f"kept if {phrases.condition(plan, c)}") for c in plan.eligibility]
    table = Table(
        ("", "reason for exclusion", "what is looked at"),
        tuple((str(number), *row) for number, row in enumerate(rows, start=1)),
    )
    sentences = (
        "Patients are excluded for the first of these reasons that applies, and counted by it.",
        "A missing value fulfils no condition.",
        "Anything else missing or outside the dictionary makes a hospital's extract be refused, "
        "unless the dictionary says otherwise.",
    )
    return Section("Who is in and who is out", sentences, table)


def _looked_at(labels: Sequence[str]) -> str:
    return joined(labels) if labels else "no variable: the extract is refused instead"


def _dictionary(plan: Plan) -> Section:
    rows = tuple(
        (v.name, v.label, phrases.values(v), phrases.missing(v, plan)) for v in plan.variables
    )
    sentences = [
        f"{len(plan.variables)} variables are read of each patient, and an identifier that stays.",
    ]
    exact = [v.label for v in plan.variables if isinstance(v, Number) and v.quartiles == "exact"]
    if exact:
        sentences.append(
            f"Quartiles of {joined(exact)} are found exactly: they are values of single patients, "
            "though nobody learns whose."
        )
    return Section(
        "What is read", tuple(sentences), Table(("variable", "label", "values", "if missing"), rows)
    )


def _arms(plan: Plan) -> Section:
    arms, rules = plan.treatment, plan.disclosure
    by = phrases.label(plan, arms.variable)
    treated = joined(quoted(arms.treated), "or")
    comparator = joined(quoted(arms.comparator), "or")
    return Section(
        "The two arms",
        (
            f"{arms.treated_label}: {by} is {treated}; about {rules.expected_treated:,} patients "
            "expected over all hospitals.",
            f"{arms.comparator_label}: {by} is {comparator}; about {rules.expected_comparator:,} "
            "patients expected.",
        ),
    )


def _comparable(plan: Plan) -> Section:
    title = "How the arms are made comparable"
    if plan.propensity is None:
        return Section(title, ("They are compared as they are: the plan has no propensity model.",))
    columns = len(model_columns(plan))
    sentences = [
        f"One logistic model over all hospitals predicts who is treated, from "
        f"{len(plan.propensity.covariates)} covariates ({columns} columns and an intercept). "
        "Patients with a missing covariate are left out of it.",
        phrases.fitted(plan.propensity),
    ]
    sentences += [phrases.design(plan, design) for design in plan.designs]
    sentences += [phrases.weighting(weighting) for weighting in plan.weightings]
    if plan.stratification is not None:
        sentences.append(phrases.stratification(plan.stratification))
    if plan.imputation is not None:
        sentences.append(phrases.imputation(plan.imputation))
    rows = tuple(
        (phrases.label(plan, c.variable), phrases.form(plan, c)) for c in plan.propensity.covariates
    )
    return Section(title, tuple(sentences), Table(("covariate", "form"), rows))


def _populations(plan: Plan) -> Section:
    rows = [("all", "All patients", "everybody in the study")]
    rows += [(d.name, d.label, "matched, as above") for d in plan.designs]
    rows += [(w.name, w.label, f"weighted to {phrases.target(w)}") for w in plan.weightings]
    rows += [(p.name, p.label, phrases.population(plan, p)) for p in plan.populations]
    sentences = (
        "Every endpoint is compared in each of these. One that differs from another by too few "
        "patients is left out, with the reason in the report.",
    )
    table = Table(("name", "label", "who"), tuple(rows))
    return Section("In whom the arms are compared", sentences, table)


def _endpoints(plan: Plan) -> Section:
    sentences = tuple(phrases.endpoint(plan, endpoint) for endpoint in plan.endpoints)
    locked = (LOCKED,) if plan.study.outcomes_locked and sentences else ()
    said = (*sentences, *locked) or ("Nothing: the plan has no endpoint.",)
    return Section("What is compared", said)


def _subgroups(plan: Plan) -> Section:
    sentences = tuple(phrases.subgroup(plan, subgroup) for subgroup in plan.subgroups)
    return Section("Subgroups", sentences or ("None.",))


def _sensitivity(plan: Plan) -> tuple[Section, ...]:
    said = phrases.sensitivity(plan.sensitivity) if plan.sensitivity else ()
    return (Section("Do hospitals agree?", said),) if said else ()
