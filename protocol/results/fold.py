"""From a record of sums to results: a pure fold, the same for coordinator and auditor."""

import math

from protocol import PROGRAM_VERSION
from protocol.parts.matching import LeftOut as Unmade
from protocol.parts.matching import Made, PooledMatch
from protocol.parts.propensity import NoFit, Scores
from protocol.plan.adjustment import Target, Weighting
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.plan.words import handle
from protocol.program import OVERVIEW, Findings, size_of
from protocol.question import Record
from protocol.results.balance import balance, table_one, test
from protocol.results.binary import binary_result
from protocol.results.competing import competing_result
from protocol.results.doubly_robust import doubly_robust
from protocol.results.imputed import imputation
from protocol.results.interactions import interactions
from protocol.results.levels import level_comparisons
from protocol.results.model import SCHEMA, Leaving, Results, StudyCard
from protocol.results.pairs import lotteries, pairs
from protocol.results.quartiles import exact_quartiles
from protocol.results.sensitivity import adjusted, agreement, odds_by_hospital
from protocol.results.strata import stratification
from protocol.results.survival import survival_result
from protocol.results.time_grids import time_grids
from protocol.results.values.estimates import Pair, Test
from protocol.results.values.patients import Exclusion, Flow, Missing
from protocol.results.values.propensity import (
    Coefficient,
    DroppedColumn,
    Histogram,
    LeftOut,
    MatchedDesign,
    PopulationCard,
    Propensity,
)
from protocol.run import Asked, Played
from protocol.stats.distributions import normal_quantile, ratio, two_sided
from protocol.stats.heterogeneity import treated_as_predicted
from protocol.steps.describe import Description
from protocol.steps.flow import FlowOfPatients
from protocol.steps.overlap import ScoreHistogram
from protocol.steps.population import Population
from protocol.steps.weighting import Weighted

NAN = math.nan


def results(played: Played) -> Results:
    """Work out everything that a study's sums say."""
    plan, record, findings = played.plan, played.record, played.findings
    keys = [
        (population.name, level)
        for population in findings.populations
        for level in ("", *(str(level) for level in findings.subgroups[population.name]))
    ]
    found = [
        survival_result(endpoint, population, level, record)
        for endpoint in plan.survival
        for population, level in keys
    ]
    outcomes = [
        binary_result(endpoint, population, level, record)
        for endpoint in plan.binary
        for population, level in keys
    ]
    before: Description = record.get("describe/1", "complete")
    described = _described(findings, record)
    causes = [
        competing_result(endpoint, population.name, record)
        for endpoint in plan.survival
        for population in findings.populations
    ]
    return Results(
        schema=SCHEMA,
        study=_card(played),
        flow=_flow(plan, record.get("flow/1")),
        propensity=_propensity(plan, findings, record),
        overlap=_histogram(findings, record),
        designs=tuple(_design(played, made) for made in findings.designs),
        populations=tuple(_population(played, population) for population in findings.populations),
        left_out=tuple(LeftOut(one.name, one.reason) for one in findings.left_out),
        table_one=tuple(
            table_one(
                name,
                here,
                before,
                exact_quartiles(name, here, record),
                tested=name in _as_they_are(plan),
            )
            for name, here in described.items()
        ),
        balance=tuple(r for name, here in described.items() for r in balance(name, here, before)),
        survival=tuple(result for result in found if result is not None),
        binary=tuple(result for result in outcomes if result is not None),
        leaving=tuple(leaving(step) for step in played.asked),
        competing=tuple(result for result in causes if result is not None),
        imputation=imputation(played),
        agreement=tuple(agreement(played)),
        odds_by_hospital=tuple(odds_by_hospital(played)),
        adjusted=tuple(adjusted(played)),
        stratification=stratification(played),
        pairs=tuple(pairs(played)),
        lotteries=tuple(lotteries(played)),
        interactions=tuple(interactions(played)),
        negative_controls=tuple(e.name for e in plan.endpoints if e.negative_control),
        time_grids=tuple(time_grids(played)),
        levels=tuple(level_comparisons(played)),
        doubly_robust=tuple(doubly_robust(played)),
    )


def leaving(asked: Asked) -> Leaving:
    """Say what left each hospital in one step, from the step's own layout."""
    layout = asked.block.layout
    words = "; ".join(field.what for field in layout.fields) or "a public commitment, no data"
    key = " ".join(str(part) for part in asked.key if part != "")
    return Leaving(asked.trip, asked.name, key, words, asked.numbers, asked.bytes, layout.about)


def _described(findings: Findings, record: Record) -> dict[str, Description]:
    """Find the descriptions by population, complete cases first."""
    names = ["complete", *(p.name for p in findings.populations if p.name != "complete")]
    found = {name: record.get("describe/1", name) for name in names}
    return {name: here for name, here in found.items() if here is not None}


def _as_they_are(plan: Plan) -> tuple[str, ...]:
    """Name the populations whose arms nothing made comparable, and whose patients count alike."""
    chosen = (one.name for one in plan.populations if one.weight is None)
    return ("complete", "all", *chosen)


def _card(played: Played) -> StudyCard:
    plan, digest = played.plan, plan_digest(played.plan)
    study, arms = plan.study, plan.treatment
    people = tuple(
        ", ".join(part for part in (p.name, p.role, p.affiliation) if part) for p in study.people
    )
    return StudyCard(
        id=study.id,
        title=study.title,
        purpose=study.purpose,
        people=people,
        time_unit=study.time_unit,
        profile=plan.disclosure.profile,
        plan_digest=digest.hex(),
        plan_handle=handle(digest),
        program=PROGRAM_VERSION,
        roster_digest=played.roster_digest.hex(),
        run_id=played.run_id.hex(),
        chain=played.chain.hex(),
        hospitals=tuple(played.sites),
        simulated=played.simulated,
        arms=Pair(arms.comparator_label, arms.treated_label),
    )


def _flow(plan: Plan, flow: FlowOfPatients) -> Flow:
    labels = {variable.name: variable.label for variable in plan.variables}
    missing = tuple(
        Missing(name, labels[name], Pair(*pair)) for name, pair in flow.missing.items() if any(pair)
    )
    return Flow(
        rows=flow.rows,
        excluded=tuple(Exclusion(reason, rows) for reason, rows in flow.excluded),
        patients=Pair(*flow.patients),
        complete=Pair(*flow.complete),
        missing=missing,
    )


def _propensity(plan: Plan, findings: Findings, record: Record) -> Propensity | None:
    scores, local = findings.scores, findings.local
    if plan.propensity is None or scores is None:
        return None
    dropped = findings.model.dropped if findings.model else ()
    combined = local.combined if local else None
    fitted = isinstance(scores, Scores)
    fit = scores.fit if isinstance(scores, Scores) else None
    mean, sd = scores.logit_mean_sd if isinstance(scores, Scores) else (NAN, NAN)
    return Propensity(
        stopped=scores.reason if isinstance(scores, NoFit) else "",
        penalty=fit.penalty if fit else "",
        patients=fit.patients if fit else 0,
        treated=fit.treated if fit else 0,
        coefficients=_coefficients(scores) if isinstance(scores, Scores) else (),
        dropped=tuple(DroppedColumn(d.column, d.reason) for d in dropped),
        deviance=fit.deviance if fit else NAN,
        null_deviance=fit.null_deviance if fit else NAN,
        c_statistic=_c_statistic(findings, record) if fitted else NAN,
        logit_mean=mean,
        logit_sd=sd,
        trips=fit.trips if fit else 0,
        one_shot=combined.estimate if combined else (),
        local_fits=local.hospitals if local else 0,
        heterogeneity=test(combined.spread) if combined else None,
        preference=_preference(scores) if isinstance(scores, Scores) else None,
    )


def _preference(scores: Scores) -> Test:
    sums = scores.at_solution
    return test(treated_as_predicted(sums.preference, sums.hospitals))


def _coefficients(scores: Scores) -> tuple[Coefficient, ...]:
    fit = scores.fit
    labels = ("Intercept", *(what.label for what in scores.model.columns))
    half = normal_quantile(0.95)
    found = zip(fit.names, labels, fit.raw, fit.std_error, strict=True)
    return tuple(
        Coefficient(
            term=name,
            label=label,
            estimate=float(b),
            std_error=float(error),
            conf_low=float(b - half * error),
            conf_high=float(b + half * error),
            statistic=ratio(float(b), float(error)),
            p_value=two_sided(ratio(float(b), float(error))),
        )
        for name, label, b, error in found
    )


def _score_histogram(findings: Findings, record: Record) -> ScoreHistogram | None:
    pooled = [made.histogram for made in findings.designs if isinstance(made, PooledMatch)]
    found: ScoreHistogram | None = record.get("overlap/1", OVERVIEW.name)
    return pooled[0] if pooled else found


def _histogram(findings: Findings, record: Record) -> Histogram | None:
    """Cut the score's histogram to the bins between the lowest and highest patient."""
    histogram = _score_histogram(findings, record)
    if histogram is None:
        return None
    counts, edges = histogram.by_bin, histogram.strata.bins.edges
    used = [k for k, row in enumerate(counts) if row.any()]
    first, last = (used[0], used[-1] + 1) if used else (0, 0)
    arms = [tuple(int(n) for n in counts[first:last, arm]) for arm in (0, 1)]
    return Histogram(tuple(float(x) for x in edges[first : last + 1]), Pair(arms[0], arms[1]))


def _c_statistic(findings: Findings, record: Record) -> float:
    """Read the c-statistic off the histogram; patients of one bin count as tied."""
    histogram = _score_histogram(findings, record)
    if histogram is None:
        return NAN
    concordant, below = 0.0, 0
    for comparator, treated in histogram.by_bin:
        concordant += int(treated) * (below + int(comparator) / 2)
        below += int(comparator)
    return ratio(concordant, below * int(histogram.by_bin[:, 1].sum()))


def _design(played: Played, made: Made) -> MatchedDesign:
    name = made.name if isinstance(made, Unmade) else made.population.name
    design = next(d for d in played.plan.designs if d.name == name)
    reasons = {one.name: one.reason for one in played.findings.left_out}
    scores = played.findings.scores
    size = played.findings.members.size
    complete = size("complete")
    matched = (0, 0) if isinstance(made, Unmade) else size(name)
    arms = played.plan.treatment
    focal = scores.at_solution.patients if isinstance(scores, Scores) else complete
    pooled = made if isinstance(made, PooledMatch) else None
    return MatchedDesign(
        name=name,
        label=design.label,
        method=design.method,
        ratio=design.ratio,
        caliper_sd=design.caliper_sd,
        caliper=NAN if isinstance(made, Unmade) else made.caliper,
        focal=arms.treated_label if focal[1] <= focal[0] else arms.comparator_label,
        matched=Pair(*matched),
        left_out=Pair(complete[0] - matched[0], complete[1] - matched[1]),
        key_number=pooled.choice.key_number if pooled else 0,
        imbalance_by_key=tuple(pooled.choice.imbalance.values()) if pooled else (),
        reason=reasons.get(name, ""),
    )


_TARGETS: dict[Target, str] = {
    "overlap": "effect in patients who could have had either arm (overlap weights)",
    "treated": "effect in the {treated} arm (ATT weights)",
    "comparator": "effect in the {comparator} arm (ATC weights)",
    "everybody": "effect in all patients (ATE weights)",
    "everybody-stabilised": "effect in all patients (stabilised ATE weights)",
    "matchable": "effect in patients whom a one-to-one match would take (matching weights)",
}


def _population(played: Played, population: Population) -> PopulationCard:
    plan, name = played.plan, population.name
    labels = {"all": "all patients", "complete": "all patients with complete covariates"}
    labels |= {one.name: one.label for one in plan.populations}
    labels |= {one.name: one.label for one in plan.designs}
    labels |= {one.name: one.label for one in plan.weightings}
    size = Pair(*size_of(population, played.findings.members))
    estimand = _estimand(played, population)
    return PopulationCard(name, labels[name], estimand, size, _effective(played, name))


def _estimand(played: Played, population: Population) -> str:
    arms = played.plan.treatment
    if isinstance(population, Weighted):
        text = _TARGETS[population.weighting.target]
        told = text.format(treated=arms.treated_label, comparator=arms.comparator_label)
        return told + _by_strata(population) + _bounded(population.weighting)
    for made in played.findings.designs:
        if _name(made) == population.name:
            return f"effect in the {_design(played, made).focal} arm, as far as it could be matched"
    return "unadjusted comparison"


def _by_strata(population: Weighted) -> str:
    """Say how many fine strata stand for the score, after those that lack an arm have joined."""
    fine = population.fine
    return "" if fine is None else f", by {len(fine.sizes)} fine strata of the score"


def _bounded(weighting: Weighting) -> str:
    """Say whom trimming leaves, and where weights are cut off."""
    said = ""
    if weighting.trim is not None:
        said += f", of those with a propensity of {weighting.trim:g} to {1 - weighting.trim:g}"
    if weighting.truncate is not None:
        said += f", weights above {weighting.truncate:g} counting as {weighting.truncate:g}"
    return said


def _effective(played: Played, name: str) -> Pair[float] | None:
    here: Description | None = played.record.get("describe/1", name)
    sizes = here.effective if here is not None else None
    return None if sizes is None else Pair(*sizes)


def _name(made: Made) -> str:
    return made.name if isinstance(made, Unmade) else made.population.name
