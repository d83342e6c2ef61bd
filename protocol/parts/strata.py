"""Cut the propensity into strata, by its histogram alone, and see which may be looked at."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from protocol.disclosure import rules, small_difference
from protocol.parts.matching import LeftOut
from protocol.parts.propensity import NoFit, Scores
from protocol.plan.model import Plan
from protocol.play import Play, ask
from protocol.stats.table import Counts
from protocol.steps.fifths import Fifth, Stratified, StratumGroups, StratumSizes
from protocol.steps.overlap import NARROWEST, Bins, Overlap, ScoreHistogram, Strata
from protocol.steps.population import Population
from protocol.steps.weighting import FineStrata

NAME = "stratification"
CALIPER_SD = 0.2
MAX_PATTERNS = 12
"""Ways to be in the populations beyond which differences of totals are too many to look at."""


@dataclass(frozen=True)
class ScoreStrata:
    """The strata that are looked at, with their patients by arm (comparator, treated)."""

    strata: Stratified
    sizes: tuple[tuple[int, int], ...]

    @property
    def populations(self) -> tuple[Fifth, ...]:
        """The patients of each stratum, lowest propensity first."""
        return tuple(Fifth(self.strata, place) for place in range(self.strata.number))


def score_bins(plan: Plan, scores: Scores | NoFit | None) -> Play[ScoreHistogram | None]:
    """Count patients by bin of the score, where strata of it are asked for."""
    fine = any(weighting.fine_strata is not None for weighting in plan.weightings)
    if not isinstance(scores, Scores) or (plan.stratification is None and not fine):
        return None
    width = CALIPER_SD * scores.logit_mean_sd[1] / rules(plan).bins_per_caliper
    bins = Bins(max(width, NARROWEST))
    return (yield from ask(Overlap(NAME, Strata(scores.model, scores.b, bins, ()))))


def cut_scores(
    plan: Plan, scores: Scores | NoFit | None, histogram: ScoreHistogram | None
) -> Stratified | LeftOut | None:
    """Cut at edges of the score's bins, so that strata hold about as many patients each."""
    asked = plan.stratification
    if asked is None:
        return None
    if not isinstance(scores, Scores) or histogram is None:
        return LeftOut(NAME, "there is no propensity score")
    cuts = inner_cuts(histogram, asked.strata)
    if len(cuts) < asked.strata - 1:
        return LeftOut(NAME, "too many patients have nearly the same score to be cut apart")
    return Stratified(scores.model, scores.b, cuts)


def inner_cuts(histogram: ScoreHistogram, strata: int) -> tuple[float, ...]:
    """Find the lowest edges below which k/strata of the patients lie, as logits, each once."""
    below, edges = 0, histogram.strata.bins.edges
    total = 0
    for row in histogram.by_bin.tolist():
        total += row[0] + row[1]
    cuts: list[float] = []
    wanted = 1
    for place, row in enumerate(histogram.by_bin.tolist()):
        below += row[0] + row[1]
        reached = wanted < strata and below * strata >= wanted * total
        if reached:
            cuts.append(float(edges[place + 1]))
        while wanted < strata and below * strata >= wanted * total:
            wanted += 1
    return tuple(cuts)


def fine_strata(histogram: ScoreHistogram, number: int) -> FineStrata | None:
    """Cut the score finely, and find the share of treated in each stratum.

    A stratum that lacks an arm joins the next, and the last one the one before, so that nobody is
    left out. None where an arm is empty.

    References
    ----------
    Desai et al. (2017), Epidemiology 28, 249-257.
    """
    edges = histogram.strata.bins.edges
    wanted = set(inner_cuts(histogram, number))
    cuts: list[float] = []
    sizes: list[tuple[int, int]] = []
    open_size = (0, 0)
    for place, (comparator, treated) in enumerate(histogram.by_bin.tolist()):
        open_size = (open_size[0] + int(comparator), open_size[1] + int(treated))
        edge = float(edges[place + 1])
        if edge in wanted and min(open_size) > 0:
            cuts.append(edge)
            sizes.append(open_size)
            open_size = (0, 0)
    if min(open_size) > 0:
        sizes.append(open_size)
    elif sizes:
        cuts.pop()
        sizes[-1] = (sizes[-1][0] + open_size[0], sizes[-1][1] + open_size[1])
    if not sizes:
        return None
    return FineStrata(tuple(cuts), tuple(sizes))


def size_strata(
    plan: Plan, strata: Stratified, populations: Sequence[Population], patterns: Sequence[int]
) -> Play[ScoreStrata | LeftOut]:
    """Count the strata's patients, and leave all out if one is too small to be looked at."""
    found = yield from ask(StratumSizes(plan, strata, tuple(populations), tuple(patterns)))
    reason = _too_small(plan, found) or (differences(plan, found) and _APART)
    if reason:
        return LeftOut(NAME, reason)
    return ScoreStrata(strata, found.sizes)


_APART = (
    "with the other populations, the strata would single out a group of patients smaller than the "
    "profile allows (rule D); fewer strata or fewer populations may do"
)


def _too_small(plan: Plan, found: StratumGroups) -> str:
    demands = rules(plan)
    smallest = min(min(size) for size in found.sizes)
    if smallest < max(1, demands.subgroup_patients):
        return (
            f"a stratum has fewer than {max(1, demands.subgroup_patients)} patients in an arm; "
            "fewer strata may do"
        )
    if min(found.hospitals) < demands.strata_hospitals:
        return f"fewer than {demands.strata_hospitals} hospitals have patients of a stratum (S7)"
    return ""


def differences(plan: Plan, found: StratumGroups) -> bool:
    """Tell whether sums of strata and populations can single out a few patients (rule D).

    Strata hold everybody once. Add populations and subtract strata in any way: patients alike in
    pattern and stratum weigh alike, and within a stratum only one weight can be made zero. So
    patterns fall into two classes or more, and what stays is, at the least, the smaller class of
    every stratum.
    """
    if plan.disclosure.profile == "open":
        return False
    for arm in (0, 1):
        counts = found.counts[:, :, arm]
        present = [p for p in range(counts.shape[1]) if any(counts[:, p].tolist())]
        if len(present) > MAX_PATTERNS:
            return True
        for size in range(1, len(present) // 2 + 1):
            for chosen in combinations(present, size):
                if small_difference(plan, [_smaller_class(counts, present, chosen)]):
                    return True
    return False


def _smaller_class(counts: Counts, patterns: Sequence[int], chosen: Sequence[int]) -> int:
    """Count the patients of the smaller class of patterns of each stratum."""
    total = 0
    for row in counts.tolist():
        inside, rest = 0, 0
        for pattern in patterns:
            if pattern in chosen:
                inside += row[pattern]
            else:
                rest += row[pattern]
        total += min(inside, rest)
    return total
