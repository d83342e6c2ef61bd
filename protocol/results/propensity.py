"""The propensity model as a result, and how far the arms overlap in its score."""

import math

from protocol.parts.matching import PooledMatch
from protocol.parts.propensity import NoFit, Scores
from protocol.program import OVERVIEW, Findings
from protocol.question import Record
from protocol.results.balance import test
from protocol.results.values.estimates import Pair, Test
from protocol.results.values.propensity import Coefficient, DroppedColumn, Histogram, Propensity
from protocol.run import Played
from protocol.stats.distributions import normal_quantile, ratio, two_sided
from protocol.stats.heterogeneity import treated_as_predicted
from protocol.steps.overlap import ScoreHistogram

NAN = math.nan


def propensity(played: Played) -> Propensity | None:
    """Write the pooled model of who is treated; None where the plan has none."""
    plan, findings, record = played.plan, played.findings, played.record
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


def overlap(played: Played) -> Histogram | None:
    """Cut the score's histogram to the bins between the lowest and highest patient."""
    histogram = _score_histogram(played.findings, played.record)
    if histogram is None:
        return None
    counts, edges = histogram.by_bin, histogram.strata.bins.edges
    used = [k for k, row in enumerate(counts) if row.any()]
    first, last = (used[0], used[-1] + 1) if used else (0, 0)
    arms = [tuple(int(n) for n in counts[first:last, arm]) for arm in (0, 1)]
    return Histogram(tuple(float(x) for x in edges[first : last + 1]), Pair(arms[0], arms[1]))


def _score_histogram(findings: Findings, record: Record) -> ScoreHistogram | None:
    pooled = [made.histogram for made in findings.designs if isinstance(made, PooledMatch)]
    found: ScoreHistogram | None = record.get("overlap/1", OVERVIEW.name)
    return pooled[0] if pooled else found


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
