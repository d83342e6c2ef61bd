"""From results at full precision to what may be published: a pure function, applied to the whole.

Every field of `Results` is named here, so that whoever adds one decides what becomes of it; until
then it is not published.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from protocol.results.model import Results
from protocol.results.publication import further, outcomes, pairs, patients
from protocol.results.publication.cells import Hidden, cells, hide, sizes
from protocol.results.publication.groups import Cell, derived
from protocol.results.publication.judge import Judge
from protocol.results.publication.rules import EditionError, Floors, floors
from protocol.results.publication.statement import statement
from protocol.results.publication.tree import in_steps, nearest, rounded

NONE_BEFORE: Mapping[Cell, int] = MappingProxyType({})


@dataclass(frozen=True)
class Edition:
    """Results as they may be published, what binds them, and what they show and hide.

    `shown` are the counts on view by their names: a later edition is compared with them.
    """

    results: Results
    floors: Floors
    statement: tuple[str, ...]
    shown: Mapping[Cell, int]
    hidden: Hidden


def publish(
    results: Results, own: Floors | None = None, earlier: Mapping[Cell, int] = NONE_BEFORE
) -> Edition:
    """Reduce results for publication.

    Parameters
    ----------
    own
        Floors at or above the profile's; the profile's own if None.
    earlier
        Counts that an earlier edition of the study shows (P5).

    Raises
    ------
    EditionError
        If a whole population differs by a few patients from that of the earlier edition.
    """
    chosen = own or floors(results.study.profile)
    populations = dict(sizes(results))
    _require_apart(populations, earlier, chosen.count)
    hidden = hide(results, chosen.count, earlier)
    judge = Judge(chosen, hidden)
    reduced = rounded(_reduced(judge, results), chosen.digits)
    if chosen.rounded_to > 1:
        reduced = in_steps(reduced, chosen.rounded_to)
    untold = {*outcomes.untold(judge, results), *pairs.untold(judge, results)}
    shown = {
        cell: nearest(n, chosen.rounded_to)
        for cell, n in (*cells(results), *populations.items())
        if cell not in hidden and cell not in untold and not derived(cell)
    }
    told = statement(results, chosen, hidden, compared=bool(earlier))
    return Edition(reduced, chosen, told, shown, hidden)


def _require_apart(now: Mapping[Cell, int], earlier: Mapping[Cell, int], floor: int) -> None:
    """Refuse to publish whole populations that differ by a few patients from published ones."""
    for cell, n in now.items():
        if cell in earlier and 0 < abs(n - earlier[cell]) < floor:
            raise EditionError(
                f"population {cell[1]} differs by fewer than {floor} patients from the earlier "
                "edition: with both at hand their outcomes could be worked out (P5)",
                "publish one of the two, or wait until the extracts differ by more",
            )


def _reduced(by: Judge, found: Results) -> Results:
    return Results(
        schema=found.schema,
        study=found.study,
        flow=patients.flow(by, found.flow),
        propensity=found.propensity,
        overlap=patients.overlap(by, found.overlap),
        designs=tuple(patients.design(by, one) for one in found.designs),
        populations=found.populations,
        left_out=found.left_out,
        table_one=tuple(patients.table(by, one) for one in found.table_one),
        balance=tuple(patients.balance(by, found, row) for row in found.balance),
        survival=tuple(outcomes.survival(by, found, one) for one in found.survival),
        binary=tuple(outcomes.binary(by, found, one) for one in found.binary),
        leaving=found.leaving,
        competing=tuple(outcomes.competing(by, found, one) for one in found.competing),
        imputation=outcomes.imputation(by, found),
        agreement=tuple(outcomes.agreement(by, found, one) for one in found.agreement),
        odds_by_hospital=tuple(outcomes.odds(by, found, one) for one in found.odds_by_hospital),
        adjusted=tuple(outcomes.adjusted(by, found, one) for one in found.adjusted),
        stratification=outcomes.stratification(by, found),
        negative_controls=found.negative_controls,
        time_grids=tuple(further.time_grids(by, found)),
        levels=tuple(further.levels(by, found)),
        doubly_robust=tuple(further.doubly_robust(by, one) for one in found.doubly_robust),
        thresholds=found.thresholds,
        runs=found.runs,
        pairs=tuple(pairs.pairs(by, found)),
        lotteries=tuple(pairs.lotteries(by, found)),
        interactions=tuple(pairs.interactions(by, found)),
    )
