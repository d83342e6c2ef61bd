"""Which counts are hidden: those below the floor, and those that would give them away (P1, P5).

Counts hang together: the levels of a variable add up to all patients, those with an event and those
without to all who were assessed. Where one count of such a group is small, the two smallest of the
group are hidden, so that none follows by subtraction. Sizes of whole populations are no cells: by
how much two of them may differ was decided by rule D before any outcome was asked.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from protocol.results.model import Results
from protocol.results.publication.groups import SIDES, Cell, Group
from protocol.results.publication.pair_cells import pair_groups
from protocol.results.values.binary import BinaryResult
from protocol.results.values.estimates import Pair
from protocol.results.values.patients import TableOne, TableRow
from protocol.results.values.survival import SurvivalResult


@dataclass(frozen=True)
class Hidden:
    """Cells that are hidden, and those of them that are small themselves."""

    cells: frozenset[Cell]
    small: frozenset[Cell]

    def __contains__(self, cell: Cell) -> bool:
        return cell in self.cells


def hide(results: Results, floor: int, earlier: Mapping[Cell, int]) -> Hidden:
    """Find what is hidden, given the counts that an earlier edition shows.

    Hides no less when the floor is raised: small cells stay small, and the two smallest cells of a
    group stay the two smallest.
    """
    counted = dict(cells(results))
    small = {cell for cell, n in counted.items() if _small(cell, n, floor, earlier)}
    primary = frozenset(small)
    together = tuple(groups(results))
    while more := {cell for group in together for cell in _more(group, small, floor)} - small:
        small |= more
    return Hidden(frozenset(small), primary)


def _small(cell: Cell, n: int, floor: int, earlier: Mapping[Cell, int]) -> bool:
    return 0 < n < floor or (cell in earlier and 0 < abs(n - earlier[cell]) < floor)


def _more(group: Group, hidden: set[Cell], floor: int) -> Iterator[Cell]:
    """Give what of a group has to be hidden with what is hidden of it already."""
    if not (hidden & group.cells.keys()) and not 0 < group.rest < floor:
        return
    if group.whole:
        yield from group.cells
    rest: list[tuple[int, Cell]] = [(group.rest, ())] if group.rest > 0 else []
    parts = sorted([*rest, *((n, cell) for cell, n in group.cells.items() if n > 0)])
    for _, cell in parts[:2]:
        if cell:
            yield cell


def cells(results: Results) -> Iterator[tuple[Cell, int]]:
    """List all counts that are cells, each under one name."""
    yield from _people(results)
    for found in _outcomes(results):
        for side, n in sides(found.unassessed):
            yield from _outcome(found, side).items()
            yield outcome_cell(found, "unassessed", side), n
    for competing in results.competing:
        for cause in competing.causes:
            for side, n in sides(cause.events):
                yield ("cause", competing.endpoint, competing.population, cause.cause, side), n
    for group in pair_groups(results):
        yield from group.cells.items()
    inside = results.stratification.odds if results.stratification else ()
    for odds in (*results.odds_by_hospital, *inside):
        for side, n in sides(odds.events):
            name = (odds.strata, odds.endpoint, odds.population, side)
            yield ("odds", "events", *name), n
            yield ("odds", "without", *name), getattr(odds.patients, side) - n


def _people(results: Results) -> Iterator[tuple[Cell, int]]:
    for one in results.flow.excluded:
        yield ("excluded", one.reason), one.rows
    pairs: list[tuple[Cell, Pair[int]]] = [
        (("missing", missing.variable), missing.patients) for missing in results.flow.missing
    ]
    if results.imputation:
        pairs.append((("incomplete",), results.imputation.incomplete))
    strata = results.stratification.strata if results.stratification else ()
    pairs += [(("stratum", str(k)), stratum.patients) for k, stratum in enumerate(strata)]
    for name, pair in pairs:
        for side, n in sides(pair):
            yield (*name, side), n
    for table in results.table_one:
        for group in _tables(table):
            yield from group.cells.items()


def sizes(results: Results) -> Iterator[tuple[Cell, int]]:
    """List the sizes of whole populations: always shown, and compared with earlier editions."""
    for side, n in sides(results.flow.patients):
        yield ("size", "the whole study", side), n
    for card in results.populations:
        for side, n in sides(card.patients):
            yield ("size", card.name, side), n


def groups(results: Results) -> Iterator[Group]:
    """List the counts that add up to a number that is shown."""
    yield Group({("excluded", one.reason): one.rows for one in results.flow.excluded})
    for table in results.table_one:
        yield from _tables(table)
    for found in _outcomes(results):
        for side in SIDES:
            yield Group(_outcome(found, side))
    yield from _levels(_outcomes(results))
    yield from _twins(results)
    yield from pair_groups(results)
    strata = results.stratification.strata if results.stratification else ()
    for side in SIDES:
        yield Group(
            {("stratum", str(k), side): getattr(s.patients, side) for k, s in enumerate(strata)}
        )


def _twins(results: Results) -> Iterator[Group]:
    """Group counts that stand in two places: the first cause is the endpoint's own event."""
    yield from _missing_twice(results)
    whole = {(r.endpoint, r.population): r for r in _outcomes(results) if not r.level}
    for found in results.competing:
        own, first = whole.get((found.endpoint, found.population)), found.causes[0]
        for side, n in sides(first.events):
            if own is not None and getattr(own.events, side) == n:
                twin: Cell = ("cause", found.endpoint, found.population, first.cause, side)
                yield Group({outcome_cell(own, "events", side): n, twin: n}, whole=True)
    for odds in results.odds_by_hospital:
        own = whole.get((odds.endpoint, odds.population))
        for side, n in sides(odds.events):
            if own is not None and getattr(own.events, side) == n:
                twin = ("odds", "events", odds.strata, odds.endpoint, odds.population, side)
                yield Group({outcome_cell(own, "events", side): n, twin: n}, whole=True)


def _missing_twice(results: Results) -> Iterator[Group]:
    """Group missing values of the study with those of a table of the very same patients."""
    listed = {one.variable: one.patients for one in results.flow.missing}
    for table in results.table_one:
        for variable in {row.variable for row in table.rows} & listed.keys():
            for side, n in sides(listed[variable]):
                if getattr(table.patients, side) == getattr(results.flow.patients, side):
                    twin = absent_cell(table, variable, side)
                    yield Group({("missing", variable, side): n, twin: n}, whole=True)


def sides(pair: Pair[int]) -> tuple[tuple[str, int], tuple[str, int]]:
    """Name both arms' counts."""
    return ("comparator", pair.comparator), ("treated", pair.treated)


def level_cell(table: TableOne, row: TableRow, side: str) -> Cell:
    """Name the count of a row of Table 1 in one arm."""
    return ("level", table.population, row.variable, row.level, side)


def absent_cell(table: TableOne, variable: str, side: str) -> Cell:
    """Name how many of an arm in Table 1 miss a variable."""
    return ("absent", table.population, variable, side)


def size_cells(results: Results, found: SurvivalResult | BinaryResult, side: str) -> list[Cell]:
    """Name the counts of Table 1 that are the size of a subgroup's level, or tell it."""
    variable, _, level = found.level.partition("=")
    same = [t for t in results.table_one if _same_patients(results, t, found.population)]
    named = list[Cell]()
    for table in same if level else ():
        rows = [row for row in table.rows if row.variable == variable and not row.number]
        own = [row for row in rows if row.level == level] or rows  # of two levels one has a row
        named += [level_cell(table, row, side) for row in own]
    return named


def _same_patients(results: Results, table: TableOne, population: str) -> bool:
    """Tell whether a table is of a population: of all patients where all are complete cases."""
    all_complete = population == "all" and results.flow.patients == results.flow.complete
    return table.population == population or (all_complete and table.population == "complete")


def outcome_cell(found: SurvivalResult | BinaryResult, what: str, side: str) -> Cell:
    """Name a count of an outcome in one arm: "events", "without" or "unassessed".

    Those without are no number of their own, and those not assessed stand apart: where they are
    hidden, so are the counts of the rest, and estimates are not.
    """
    return ("outcome", what, found.endpoint, found.population, found.level, side)


def _tables(table: TableOne) -> Iterator[Group]:
    """Group the levels of each variable with those who miss it; they add up to the arm."""
    for variable in dict.fromkeys(row.variable for row in table.rows):
        rows = [row for row in table.rows if row.variable == variable]
        for side, size in sides(table.patients):
            absent: int = getattr(rows[0].arms, side).missing
            found = {absent_cell(table, variable, side): absent}
            if not rows[0].number:
                found |= {level_cell(table, r, side): getattr(r.arms, side).patients for r in rows}
            yield Group(found, max(0, size - sum(found.values())))


def _outcomes(results: Results) -> tuple[SurvivalResult | BinaryResult, ...]:
    return *results.survival, *results.binary


def _outcome(found: SurvivalResult | BinaryResult, side: str) -> dict[Cell, int]:
    n, events = getattr(found.patients, side), getattr(found.events, side)
    return {
        outcome_cell(found, "events", side): events,
        outcome_cell(found, "without", side): n - events,
    }


def _levels(found: tuple[SurvivalResult | BinaryResult, ...]) -> Iterator[Group]:
    """Group the levels of a subgroup; they and the levels not asked for add up to the whole."""
    whole = {(r.endpoint, r.population): r for r in found if not r.level}
    named = {(r.endpoint, r.population, r.level.partition("=")[0]) for r in found if r.level}
    for endpoint, population, variable in sorted(named):
        parts = [
            r
            for r in found
            if (r.endpoint, r.population) == (endpoint, population)
            and r.level.partition("=")[0] == variable
        ]
        for what in ("events", "without", "unassessed"):
            for side in SIDES:
                inside = {outcome_cell(r, what, side): _count(r, what, side) for r in parts}
                everybody = _count(whole[endpoint, population], what, side)
                yield Group(inside, max(0, everybody - sum(inside.values())))


def _count(found: SurvivalResult | BinaryResult, what: str, side: str) -> int:
    if what == "unassessed":
        n: int = getattr(found.unassessed, side)
        return n
    return _outcome(found, side)[outcome_cell(found, what, side)]
