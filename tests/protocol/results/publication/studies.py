"""Results with counts of any size, to be reduced."""

from dataclasses import replace

from hypothesis import strategies as st

from protocol.results.model import Results
from protocol.results.values.estimates import LogRankTest, Pair
from protocol.results.values.estimates import Test as ChiSquare
from protocol.results.values.pairs import DiscordantPairs, HiddenBias, PairsResult
from protocol.results.values.patients import Exclusion, Missing, Summary, TableOne, TableRow
from protocol.results.values.sensitivity import LotteryResult
from protocol.results.values.strata import Interaction
from protocol.results.values.survival import CurvePoints, SurvivalResult
from tests.coordinator.examples import binary, results, survival

_TESTED = ChiSquare(4.0, 1, 0.05)

COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 80))


def curve(exits: list[tuple[int, int]]) -> CurvePoints:
    """Make a curve of one time after the other: so many events, so many censorings."""
    left = sum(e + c for e, c in exits)
    at_risk, shares, share = [], [], 1.0
    for events, censored in exits:
        at_risk.append(float(left))
        share *= 1 - events / left if left else 1.0
        shares.append(share)
        left -= events + censored
    kept = tuple(shares)
    return CurvePoints(
        times=tuple(10.0 * (k + 1) for k in range(len(exits))),
        at_risk=tuple(at_risk),
        events=tuple(float(e) for e, _ in exits),
        censored=tuple(float(c) for _, c in exits),
        survival=kept,
        std_error=kept,
        conf_low=kept,
        conf_high=kept,
        cumulative_hazard=kept,
    )


def exits() -> st.SearchStrategy[list[tuple[int, int]]]:
    some = st.tuples(st.integers(0, 4), st.integers(0, 3)).filter(any)
    return st.lists(some, min_size=1, max_size=60)


@st.composite
def endpoint(draw: st.DrawFn, level: str = "") -> SurvivalResult:
    arms = [draw(exits()), draw(exits())]
    found = survival()
    return replace(
        found,
        level=level,
        patients=Pair(*(sum(e + c for e, c in arm) for arm in arms)),
        events=Pair(*(sum(e for e, _ in arm) for arm in arms)),
        unassessed=Pair(draw(st.integers(0, 8)), 0),
        curves=Pair(curve(arms[0]), curve(arms[1])),
    )


def with_levels(whole: SurvivalResult, shares: tuple[int, int]) -> list[SurvivalResult]:
    """Split an endpoint by a subgroup of two levels, the first with so many events an arm."""
    first = Pair(min(shares[0], whole.events.comparator), min(shares[1], whole.events.treated))
    e, n = whole.events, whole.patients
    rest = Pair(e.comparator - first.comparator, e.treated - first.treated)
    half = Pair(
        max(first.comparator, min(n.comparator // 2, n.comparator - rest.comparator)),
        max(first.treated, min(n.treated // 2, n.treated - rest.treated)),
    )
    others = Pair(n.comparator - half.comparator, n.treated - half.treated)
    none = Pair(0, 0)
    return [
        replace(whole, level="sex=male", patients=half, events=first, unassessed=none),
        replace(whole, level="sex=female", patients=others, events=rest, unassessed=none),
    ]


@st.composite
def table(draw: st.DrawFn) -> TableOne:
    """Make a table of a factor of three levels, and a binary one."""
    counts = [[draw(COUNTS) for _ in range(3)] for _ in range(2)]
    absent = [draw(st.integers(0, 9)) for _ in range(2)]
    sizes = [sum(arm) + gone for arm, gone in zip(counts, absent, strict=True)]

    def summary(arm: int, n: int, missing: int) -> Summary:
        nan = float("nan")
        known = sizes[arm] - missing
        return Summary(n, missing, nan, nan, nan, nan, nan, n / known if known else nan)

    rows = [
        TableRow(
            *("stage", "Stage", level, "", False),
            Pair(summary(0, counts[0][k], absent[0]), summary(1, counts[1][k], absent[1])),
            smd=0.1,
        )
        for k, level in enumerate(("I", "II", "III"))
    ]
    ones = [min(draw(COUNTS), size) for size in sizes]
    both = Pair(summary(0, ones[0], 0), summary(1, ones[1], 0))
    rows.append(TableRow("smoker", "Smoker", "", "", False, both, smd=0.2))
    return TableOne("matched", Pair(sizes[0], sizes[1]), tuple(rows))


def in_pairs(
    whole: SurvivalResult, apart: tuple[int, int], first: tuple[int, int], *, by_cell: bool
) -> PairsResult:
    """Make discordant pairs by a year, and the test by pair of so many that had the event first."""
    tested = ChiSquare(1.0, 1, 0.3)
    bounds = (HiddenBias(1.25, 0.4),)
    half = 0.5 if by_cell else 0.0
    one = DiscordantPairs(365, apart[0] + half, apart[1] + half, half, tested, tested, 0.5, bounds)
    b, c = first
    expected = Pair((b + c) / 2 + 5, (b + c) / 2 + 7)
    by_pair = LogRankTest("log-rank by pair", Pair(c + 5.0, b + 7.0), expected, (b + c) / 4, tested)
    ratio = whole.hazard_ratios[0]
    size = min(whole.patients.comparator, whole.patients.treated)
    times = (None, None) if by_cell else (by_pair, ratio)
    return PairsResult("os", "OS", whole.population, by_cell, size, (one,), *times)


@st.composite
def studies(draw: st.DrawFn) -> Results:
    full, whole = results(), draw(endpoint())
    levels = with_levels(whole, (draw(COUNTS), draw(COUNTS)))
    excluded = tuple(Exclusion(name, draw(COUNTS)) for name in ("Too young", "Too old"))
    missing = (Missing("age", "Age", Pair(draw(COUNTS), draw(COUNTS))),)
    few = st.tuples(st.integers(0, 30), st.integers(0, 30))
    paired = in_pairs(whole, draw(few), draw(few), by_cell=draw(st.booleans()))
    names = ("sex=male", "sex=female")
    differ = Interaction("os", "OS", whole.population, "sex", names, "arm by level", _TESTED)
    spread = LotteryResult("os", "OS", whole.population, 9, 0.6, 0.5, 0.7, 0.05, 0.2)
    n = Pair(draw(st.integers(8, 60)), draw(st.integers(8, 60)))
    events = Pair(
        draw(st.integers(0, n.comparator)),
        draw(st.integers(0, n.treated)),
    )
    return replace(
        full,
        flow=replace(full.flow, excluded=excluded, missing=missing),
        table_one=(draw(table()),),
        survival=(whole, *levels),
        binary=(replace(binary(), patients=n, events=events),),
        pairs=(paired,),
        lotteries=(spread,),
        interactions=(differ,),
    )
