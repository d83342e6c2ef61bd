"""Row-level results, for which the tests play every hospital at once; a study never shows them.

Scores of patients, and the selections of R's script: greedy nearest neighbours, which the system
itself makes within hospitals only.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.parts.propensity import Scores
from protocol.run import Played
from protocol.steps.score import expit
from tests.reference.bench import Bench
from tests.reference.case import Case, plain

Answers = Iterator[tuple[str, Any]]
CALIPER_SD = 0.2
Id = str | int | float


@dataclass(frozen=True, eq=False)
class Scored:
    """All complete cases, hospital by hospital: where they are, and their logit scores."""

    ids: tuple[str, ...]
    site: NDArray[np.intp]
    row: NDArray[np.intp]
    arm: NDArray[np.int8]
    logit: NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Matching:
    """Comparators of each treated patient, by position in `scored`; and the caliper kept."""

    scored: Scored
    pairs: Mapping[int, tuple[int, ...]]
    ratio: int
    caliper: float

    @cached_property
    def weights(self) -> dict[str, float]:
        """Weigh the treated by 1, comparators by 1 over those of their set, rescaled."""
        controls = {c: 1 / len(own) for own in self.pairs.values() for c in own}
        factor = len(controls) / sum(controls.values()) if controls else 1.0
        weights = dict.fromkeys(self.pairs, 1.0) | {c: w * factor for c, w in controls.items()}
        return {self.scored.ids[k]: w for k, w in sorted(weights.items())}

    @property
    def largest_distance(self) -> float:
        """How far apart the partners of the first pass are at the most."""
        x = self.scored.logit
        return max(abs(float(x[t] - x[own[0]])) for t, own in self.pairs.items())


def scored(case: Case, scores: Scores, bench: Bench) -> Scored:
    """Score every hospital's complete cases by the pooled fit."""
    found = [(scores.model.rows(c), scores.model.logit(c, scores.b), c) for c in bench.cohorts]
    ids = [case.sites[name][case.ids] for name in bench.names]
    return Scored(
        ids=tuple(
            own[int(cohort.ids[row])]
            for own, (rows, _, cohort) in zip(ids, found, strict=True)
            for row in rows
        ),
        site=np.repeat(np.arange(len(found)), [len(rows) for rows, _, _ in found]),
        row=np.concatenate([rows for rows, _, _ in found]),
        arm=np.concatenate([cohort.arm[rows] for rows, _, cohort in found]),
        logit=np.concatenate([logit for _, logit, _ in found]),
    )


def typed(case: Case, ids: Sequence[str]) -> list[Id]:
    """Write ids as R reads them: numbers where all are."""
    if case.ids not in case.numeric:
        return list(ids)
    return [int(i) if plain(i).lstrip("-").isdigit() else float(i) for i in ids]


def score_rows(case: Case, scores: Scores, bench: Bench) -> dict[str, Any]:
    """List every patient's score."""
    found = scored(case, scores, bench)
    return {"id": typed(case, found.ids), "lp": found.logit, "ps": expit(found.logit)}


def selections(case: Case, played: Played, bench: Bench) -> dict[str, Matching]:
    """Make the selections of R's script, where there is a score without a penalty."""
    scores = played.findings.scores
    if not isinstance(scores, Scores) or scores.fit.penalty != "none":
        return {}
    everybody = scored(case, scores, bench)
    sd = float(np.std(everybody.logit, ddof=1))
    nobody = np.zeros(len(everybody.ids), dtype=np.intp)
    wanted: dict[str, tuple[NDArray[np.intp], int, float]] = {
        "pooled_1to1": (nobody, 1, CALIPER_SD * sd),
        "site_1to1": (everybody.site, 1, CALIPER_SD * sd),
        "site_1to2": (everybody.site, 2, CALIPER_SD * sd),
        "pooled_1to1_nocaliper": (nobody, 1, np.inf),
    }
    exact = case.dictionary.get("exact_match")
    if exact:
        names = [exact] if isinstance(exact, str) else list(exact)
        wanted["exact_1to1"] = (_alike(case, everybody, bench, names), 1, CALIPER_SD * sd)
    found = {
        name: Matching(everybody, nearest(everybody, within, ratio, caliper), ratio, caliper)
        for name, (within, ratio, caliper) in wanted.items()
    }
    return {name: matching for name, matching in found.items() if matching.pairs}


def _alike(case: Case, found: Scored, bench: Bench, names: list[str]) -> NDArray[np.intp]:
    """Number the combinations of values; -1 where one is missing."""
    values = [
        tuple(
            case.sites[bench.names[site]][name][int(bench.cohorts[site].ids[row])] for name in names
        )
        for site, row in zip(found.site, found.row, strict=True)
    ]
    numbers = {value: k for k, value in enumerate(dict.fromkeys(values))}
    return np.array([-1 if "" in value else numbers[value] for value in values], dtype=np.intp)


def nearest(
    found: Scored, within: NDArray[np.intp], ratio: int, caliper: float
) -> dict[int, tuple[int, ...]]:
    """Give treated patients, by falling score, the nearest free comparator; then once more.

    Of two at the same distance the one with the higher score is taken, then the one before.
    """
    order = np.argsort(-found.logit, kind="stable")
    pairs: dict[int, tuple[int, ...]] = {}
    for group in dict.fromkeys(within[within >= 0].tolist()):
        own = order[within[order] == group]
        treated, free = own[found.arm[own] == 1].tolist(), own[found.arm[own] == 0]
        for _ in range(ratio):
            for patient in treated:
                if not len(free):
                    break
                apart = np.abs(found.logit[patient] - found.logit[free])
                at = int(np.argmin(apart))
                if apart[at] <= caliper:
                    pairs[patient] = (*pairs.get(patient, ()), int(free[at]))
                    free = np.delete(free, at)
    return pairs


def selected(case: Case, played: Played, bench: Bench) -> Answers:
    """Answer who is matched with whom."""
    for name, matching in selections(case, played, bench).items():
        people, where = matching.scored, f"match.{name}."
        ids = np.array(typed(case, people.ids), dtype=object)
        focal = sorted(matching.pairs)
        columns = {
            f"control_id_{k + 1}": [
                ids[matching.pairs[t][k]] if len(matching.pairs[t]) > k else None for t in focal
            ]
            for k in range(matching.ratio)
        }
        yield f"{where}pairs", {"treated_id": ids[focal].tolist(), **columns}
        controls = sum(len(own) for own in matching.pairs.values())
        yield f"{where}n", {
            "matched_treated": len(focal),
            "matched_control": controls,
            "caliper": None if np.isinf(matching.caliper) else matching.caliper,
            "max_distance": matching.largest_distance,
        }  # fmt: skip
        weights = matching.weights
        yield f"{where}weights", {
            "id": typed(case, list(weights)), "weight": list(weights.values()),
        }  # fmt: skip
    scores = played.findings.scores
    if isinstance(scores, Scores) and scores.fit.penalty == "none":
        logit = scored(case, scores, bench).logit
        distinct = len({f"{x:.11e}" for x in logit.tolist()})
        yield "match.ps_ties", {"distinct_lp": distinct, "n": len(logit)}
