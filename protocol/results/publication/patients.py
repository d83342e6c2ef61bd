"""Who was studied, as it may be published: flow, overlap, Table 1, balance."""

from dataclasses import replace

from protocol.results.model import Results
from protocol.results.publication.cells import absent_cell, level_cell
from protocol.results.publication.groups import SIDES, Cell
from protocol.results.publication.judge import UNSHOWN, Judge
from protocol.results.publication.tree import blank, both
from protocol.results.publication.withheld import NOT_SHOWN, Withheld
from protocol.results.values.estimates import Pair
from protocol.results.values.patients import BalanceRow, Flow, Missing, Summary, TableOne, TableRow
from protocol.results.values.propensity import Histogram, MatchedDesign
from protocol.results.values.strata import ScoreStratum

Bin = tuple[int, int]


def flow(by: Judge, found: Flow) -> Flow:
    """Reduce exclusions and missing values; a single hidden exclusion takes the rows along."""
    excluded = tuple(
        replace(one, rows=by.count(("excluded", one.reason), one.rows)) for one in found.excluded
    )
    missing = tuple(replace(one, patients=_missing(by, one)) for one in found.missing)
    hidden = sum(isinstance(one.rows, Withheld) for one in excluded)
    rows = UNSHOWN if hidden == 1 else found.rows
    return replace(found, rows=rows, excluded=excluded, missing=missing)


def _missing(by: Judge, found: Missing) -> Pair[int]:
    return by.pair(lambda side: ("missing", found.variable, side), found.patients)


def design(by: Judge, found: MatchedDesign) -> MatchedDesign:
    """Hide how many were matched where nothing is shown of them and all but a few were.

    Where outcomes of the matched are shown, rule D found enough left out.
    """
    floor = by.floors.count
    if not found.reason or not any(0 < getattr(found.left_out, side) < floor for side in SIDES):
        return found
    unknown = Pair(UNSHOWN, UNSHOWN)
    return replace(found, matched=unknown, left_out=unknown)


def overlap(by: Judge, found: Histogram | None) -> Histogram | None:
    """Merge bins from the left until each arm has none or enough in every bin."""
    floor = by.floors.count
    if found is None or floor <= 1 or len(found.edges) < 2:
        return found
    edges: list[float] = [found.edges[0]]
    bins: list[Bin] = []
    sums = (0, 0)
    arms = zip(found.patients.comparator, found.patients.treated, strict=True)
    for here, edge in zip(arms, found.edges[1:], strict=True):
        sums = _plus(sums, here)
        if any(sums) and _enough(sums, floor):
            bins, edges, sums = [*bins, sums], [*edges, edge], (0, 0)
    while bins and not _enough(sums, floor):
        bins, edges, sums = bins[:-1], edges[:-1], _plus(bins[-1], sums)
    if not _enough(sums, floor):
        return None
    if any(sums):
        bins, edges = [*bins, sums], [*edges, found.edges[-1]]
    return Histogram(tuple(edges), Pair(tuple(c for c, _ in bins), tuple(t for _, t in bins)))


def _plus(one: Bin, other: Bin) -> Bin:
    return one[0] + other[0], one[1] + other[1]


def _enough(sums: Bin, floor: int) -> bool:
    return all(n == 0 or n >= floor for n in sums)


def table(by: Judge, found: TableOne) -> TableOne:
    """Reduce Table 1: hidden counts, and the shares, SMDs and tests that would tell them."""
    rows = tuple(_row(by, found, row) for row in found.rows)
    touched = {row.variable for row in found.rows if _touched(by, found, row.variable, *SIDES)}
    tests = tuple(blank(t) if t.variable in touched else t for t in found.tests)
    return replace(found, rows=rows, tests=tests)


def _touched(by: Judge, found: TableOne, variable: str, *sides: str) -> bool:
    """Tell whether a count of a variable is hidden in these arms."""
    rows = [row for row in found.rows if row.variable == variable]
    return any(
        by.hides(absent_cell(found, variable, side), *(level_cell(found, r, side) for r in rows))
        for side in sides
    )


def _row(by: Judge, found: TableOne, row: TableRow) -> TableRow:
    # Of a level that is shown, a share tells of how many it is one: all but those who miss it.
    told = (cell(found, row, side) for side in SIDES for cell in (level_cell, _absent))
    gone = not row.number and by.hides(*told)
    arms = both(lambda side: _summary(by, found, row, side))
    return replace(row, arms=arms, smd=NOT_SHOWN if gone else row.smd)


def _absent(found: TableOne, row: TableRow, side: str) -> Cell:
    return absent_cell(found, row.variable, side)


def _summary(by: Judge, found: TableOne, row: TableRow, side: str) -> Summary:
    """Reduce one arm of a row; no share stands where a count of its variable is hidden."""
    one: Summary = getattr(row.arms, side)
    absent, touched = (
        absent_cell(found, row.variable, side),
        _touched(by, found, row.variable, side),
    )
    patients = by.count(level_cell(found, row, side), one.patients)
    if row.number and by.hides(absent):
        patients = UNSHOWN  # those who do not miss it are the others
    share = NOT_SHOWN if touched and not row.number else one.share
    return replace(one, patients=patients, missing=by.count(absent, one.missing), share=share)


def balance(by: Judge, results: Results, row: BalanceRow) -> BalanceRow:
    """Reduce balance as Table 1 of the same population is reduced."""
    variable, _, level = row.column.partition("=")
    for found in results.table_one:
        for one in found.rows:
            place = (found.population, one.variable, one.level, one.number)
            if place == (row.population, variable, level, False):
                reduced = _row(by, found, one)
                shares = reduced.arms.comparator.share, reduced.arms.treated.share
                if isinstance(reduced.smd, Withheld):
                    return blank(row)
                hidden = any(isinstance(share, Withheld) for share in shares)
                return replace(row, means=blank(row.means)) if hidden else row
    return row


def stratum(by: Judge, place: int, found: ScoreStratum) -> ScoreStratum:
    """Reduce the size of a stratum of the score."""
    cell = str(place)
    return replace(found, patients=by.pair(lambda side: ("stratum", cell, side), found.patients))
