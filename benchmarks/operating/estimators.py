"""The project's estimators and their competitors on one study's pooled rows.

The quotas, pairs within hospitals, hazard ratios and variances are those of `protocol`; only the
masks, the trips and the keyed hashes of the lottery are left out, whose numbers are uniform.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from benchmarks.operating.studies import Reals, Study
from protocol.stats.cox import Cox, PairCell, fit, pair_robust_variance, residual_squares
from protocol.stats.cox import score_residuals as residuals_of
from protocol.stats.table import RiskTable, tabulate
from protocol.stats.transport import give_up, passes, used
from protocol.steps.quota import Group, Quotas
from protocol.steps.residuals import GRAIN, merged_cells
from protocol.steps.score import expit
from protocol.steps.within import nearest_pairs

Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]

CALIPER_SD = 0.2
BINS_PER_CALIPER = 10
FLOOR = 3
"""Fewest patients of an arm that may stay out, if any does (profile `exact`)."""
KEYS = 20
LOWEST, BINS = -8.0, 16.0


@dataclass(frozen=True)
class Estimate:
    """One estimate of the log hazard ratio; `imbalance` is the largest |SMD|, in `patients`."""

    method: str
    error: str
    target: str
    log_hr: float
    std_error: float
    imbalance: float
    patients: int


def estimates(study: Study, random: Generator) -> Iterator[Estimate]:
    """Make every estimate of one study, before adjustment first."""
    logit = scores(study)
    caliper = CALIPER_SD * float(logit.std(ddof=1))
    everybody = np.ones(len(logit), dtype=np.bool_)
    yield from _plain("no adjustment", study, everybody)
    yield from _quota(study, logit, caliper, random)
    pairs = _pairs(study, logit, caliper, [everybody])
    yield from _paired("nearest neighbour, pooled", study, pairs)
    hospitals = [study.hospital == one for one in np.unique(study.hospital)]
    within = _pairs(study, logit, caliper, hospitals)
    yield from _paired("nearest neighbour, within hospitals", study, within)
    e = expit(logit)
    yield from _weighted("overlap weights", "overlap", study, np.where(study.arm == 1, 1 - e, e))
    odds = np.where(study.arm == 1, 1.0, e / (1 - e))
    yield from _weighted("weights to the treated", "treated", study, odds)


def scores(study: Study) -> Reals:
    """Fit the propensity model by Newton's method; the logit of everybody, shape (n,)."""
    x = np.column_stack([np.ones(len(study.x)), study.x])
    b = np.zeros(x.shape[1])
    for _ in range(25):
        p = expit(x @ b)
        step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (study.arm - p))
        b += step
        if np.abs(step).max() < 1e-10:
            break
    logit: Reals = x @ b
    return logit


def cox(study: Study, weight: Reals | None = None) -> Cox:
    """Fit the hazard ratio of the arms, Efron's ties."""
    return fit(_table(study, weight))


def _table(study: Study, weight: Reals | None = None) -> RiskTable:
    times, cell = np.unique(study.days, return_inverse=True)
    return tabulate(times.astype(np.float64), cell, study.arm, study.event, weight)


def _plain(method: str, study: Study, flags: Flags) -> Iterator[Estimate]:
    found, worst = cox(study.where(flags)), imbalance(study, flags.astype(np.float64))
    for error, value in (("model", found.std_error), ("robust", found.robust_std_error)):
        yield Estimate(method, error, "treated", found.log_hr, value, worst, int(flags.sum()))


def _weighted(method: str, target: str, study: Study, weight: Reals) -> Iterator[Estimate]:
    found = cox(study, weight)
    worst = imbalance(study, weight)
    yield Estimate(
        method, "robust", target, found.log_hr, found.robust_std_error, worst, len(weight)
    )


def imbalance(study: Study, weight: Reals) -> float:
    """Find the largest |SMD|, standardised by the SDs before adjustment."""
    means, spreads = [], []
    for arm in (0, 1):
        own = study.arm == arm
        means.append(np.average(study.x[own], axis=0, weights=weight[own]))
        spreads.append(study.x[own].var(axis=0, ddof=1))
    smd = (means[1] - means[0]) / np.sqrt((spreads[0] + spreads[1]) / 2)
    return float(np.abs(smd).max())


def _pairs(
    study: Study, logit: Reals, caliper: float, groups: list[Flags]
) -> list[tuple[int, int]]:
    """Pair the treated with the nearest free control, highest score first, group by group."""
    found: list[tuple[int, int]] = []
    for group in groups:
        focal, control = (np.flatnonzero(group & (study.arm == arm)) for arm in (1, 0))
        if len(focal) and len(control):
            chosen = nearest_pairs(logit[focal], logit[control], caliper)
            taken = chosen >= 0
            found += zip(focal[taken].tolist(), control[chosen[taken]].tolist(), strict=True)
    return found


def _paired(method: str, study: Study, pairs: list[tuple[int, int]]) -> Iterator[Estimate]:
    flags = np.zeros(len(study.arm), dtype=np.bool_)
    flags[np.array(pairs).ravel()] = True
    yield from _plain(method, study, flags)
    table = _table(study.where(flags))
    found = fit(table)
    own = _own_residuals(study, flags, table, found.log_hr)
    cells = [PairCell(own[one], own[other], 1) for one, other in pairs]
    yield _pair_robust(method, study, flags, (table, found), cells)


def _pair_robust(
    method: str, study: Study, flags: Flags, fitted: tuple[RiskTable, Cox], cells: list[PairCell]
) -> Estimate:
    table, found = fitted
    squares = residual_squares(table, found.log_hr)
    error = math.sqrt(pair_robust_variance(1 / found.std_error**2, squares, cells))
    worst = imbalance(study, flags.astype(np.float64))
    return Estimate(method, "pairs", "treated", found.log_hr, error, worst, int(flags.sum()))


def _own_residuals(study: Study, flags: Flags, table: RiskTable, log_hr: float) -> Reals:
    """Look each matched patient's score residual up; 0 for others."""
    place = np.searchsorted(table.times, study.days[flags])
    own = np.zeros(len(study.arm))
    own[flags] = residuals_of(table, log_hr)[study.arm[flags], place, study.event[flags]]
    return own


def _quota(study: Study, logit: Reals, caliper: float, random: Generator) -> Iterator[Estimate]:
    """Match by quotas; who fills them is drawn, once or as the best balanced of twenty."""
    width = caliper / BINS_PER_CALIPER
    place = np.floor((logit.clip(LOWEST, -LOWEST) - LOWEST) / width).astype(np.intp)
    quotas = _decide(study, place, math.ceil(BINS / width) + 1)
    drawn = [_lottery(study, place, quotas, random.random(len(logit))) for _ in range(KEYS)]
    best = min(drawn, key=lambda ranks: imbalance(study, (ranks >= 0).astype(np.float64)))
    for method, ranks in (("quotas, one key", drawn[0]), ("quotas, best of 20 keys", best)):
        yield from _by_cells(method, study, place, quotas, ranks)


def _decide(study: Study, place: Rows, bins: int) -> Quotas:
    """Decide the quotas as every hospital does from the score's histogram."""
    counts = np.stack([np.bincount(place[study.arm == a], minlength=bins) for a in (0, 1)], axis=1)
    (flow,) = passes(counts[:, 1], counts[:, 0], BINS_PER_CALIPER - 1, 1)
    pairs = sum(cell.pairs for cell in flow)
    flow = give_up(flow, [int(n) - pairs for n in counts.sum(axis=0)], FLOOR)
    focal, control = used(flow, bins, bins)
    return Quotas(1, flow, flow, counts, np.stack([control, focal], axis=1))


def _lottery(study: Study, place: Rows, quotas: Quotas, drawn: Reals) -> NDArray[np.int64]:
    """Rank everybody in bin and arm by lottery number; -1 for who is not taken."""
    group = place * 2 + study.arm
    order = np.lexsort((drawn, group))
    first = np.searchsorted(group[order], group[order], side="left")
    ranks = np.empty(len(group), dtype=np.int64)
    ranks[order] = np.arange(len(group)) - first
    return np.where(ranks < quotas.taken[place, study.arm], ranks, -1)


def _by_cells(
    method: str, study: Study, place: Rows, quotas: Quotas, ranks: NDArray[np.int64]
) -> Iterator[Estimate]:
    flags = ranks >= 0
    yield from _plain(method, study, flags)
    table = _table(study.where(flags))
    found = fit(table)
    own = _own_residuals(study, flags, table, found.log_hr)
    own = np.round(own / GRAIN) * GRAIN
    cells = _cell_sums(study, place, quotas, ranks, own)
    yield _pair_robust(method, study, flags, (table, found), cells)


def _cell_sums(
    study: Study, place: Rows, quotas: Quotas, ranks: NDArray[np.int64], own: Reals
) -> list[PairCell]:
    """Sum residuals by merged flow cell, focal patients and controls apart."""
    group, pairs = merged_cells(quotas)
    position = {cell: k for k, cell in enumerate(quotas.all_passes)}
    sums = np.zeros((len(pairs), 2))
    for at, arm in np.argwhere(quotas.taken > 0):
        here = np.flatnonzero((place == at) & (study.arm == arm) & (ranks >= 0))
        here = here[np.argsort(ranks[here])]
        cells = quotas.cells(Group(int(arm), int(at)))
        label = np.repeat([group[position[cell]] for cell, _ in cells], [n for _, n in cells])
        np.add.at(sums[:, 1 - arm], label, own[here])
    found = zip(sums.tolist(), pairs, strict=True)
    return [PairCell(focal, control, number) for (focal, control), number in found]
