"""The lottery: thresholds by counting, the best balanced key, and what may not change it."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from protocol.cohort import Cohort, column
from protocol.parts.matching import PooledMatch, search_thresholds
from protocol.plan.columns import balance_columns
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from protocol.steps.coin import CoinTerms
from protocol.steps.describe import Describe
from protocol.steps.lottery import (
    SLICES,
    Differences,
    LotteryError,
    Search,
    Slices,
    quota_searches,
    with_thresholds,
)
from protocol.steps.population import Complete
from protocol.steps.quota import Draw, Group
from tests.federation.cohorts import (
    ask,
    clinics,
    crlm,
    key,
    opened,
    pool,
    run_through,
    small_plan,
    terms_of,
    walk,
    with_design,
)

TOP = 1 << 64


def match_of(plan: Plan, sites: tuple[Cohort, ...]) -> PooledMatch:
    design = walk(plan, sites).findings.designs[0]
    assert isinstance(design, PooledMatch)
    return design


@cache
def usual() -> PooledMatch:
    return match_of(small_plan(), clinics())


@cache
def seed_match() -> PooledMatch:
    return match_of(*crlm())


def members(found: PooledMatch, sites: tuple[Cohort, ...]) -> set[bytes]:
    """List the ids of all who are taken."""
    return {bytes(i) for site in sites for i in site.ids[found.population.draw.taken(site)]}


def lottery_of(numbers: list[int], monkeypatch: pytest.MonkeyPatch) -> tuple[Draw, Group]:
    """Make a lottery over one group at one hospital, with given lottery numbers."""
    draw = usual().population.draw
    group = draw.quotas.to_split[0]
    drawn = {group: np.array(numbers, dtype=np.uint64)}
    monkeypatch.setattr("protocol.steps.lottery._group_numbers", lambda *_: drawn)
    return draw, group


def threshold(draw: Draw, group: Group, rank: int) -> int:
    search = Search(draw.key_number, group, rank)
    play = search_thresholds("test", {draw.key_number: draw}, (search,))
    _, _, found = run_through(play, [clinics()[0]])
    return found[search]


@pytest.mark.parametrize(
    "numbers",
    [
        [0, 16, TOP - 1],
        [5 << 52, (5 << 52) + 16, (5 << 52) + (1 << 20), 63 << 58],
        [TOP - 1, TOP - 17, TOP - 40],
        [1 << 63, (1 << 63) + 16, (1 << 63) - 16, 3],
    ],
)
def test_a_threshold_has_exactly_its_rank_below_it(
    numbers: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where numbers differ in their last digits only, or stand at the ends."""
    draw, group = lottery_of(numbers, monkeypatch)
    for rank in range(1, len(numbers) + 1):
        limit = threshold(draw, group, rank)
        assert sum(u < limit for u in numbers) == rank


def test_numbers_too_near_are_a_tie(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is preferred by a coin that does not tell two patients apart."""
    draw, group = lottery_of([3, 4, 1 << 60], monkeypatch)
    with pytest.raises(LotteryError, match="same lottery number"):
        threshold(draw, group, 1)
    assert threshold(draw, group, 2) > 4


def test_a_quota_beyond_the_group_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    draw, group = lottery_of([1, 1 << 60], monkeypatch)
    with pytest.raises(LotteryError, match="fewer patients in the lottery than its quota"):
        threshold(draw, group, 3)


def test_what_leaves_are_slices_and_differences() -> None:
    found = usual()
    draw = found.population.draw
    searches = quota_searches({1: draw})
    (slices,) = Slices("matched", 0, {1: draw}, searches).layout().fields
    assert slices.shape == (len(searches), SLICES)
    assert slices.kind == "count"
    before = ask(Describe(small_plan(), Complete(small_plan())), clinics())
    layout = Differences("matched", {1: draw}, before).layout()
    assert [(f.name, f.shape, f.kind) for f in layout.fields] == [("differences", (1, 6), "real")]


def test_slices_count_every_patient_of_a_group_once() -> None:
    found = usual()
    draw = found.population.draw
    searches = quota_searches({1: draw})
    counts = opened(Slices("matched", 0, {1: draw}, searches), clinics()).sums["counts"]
    for search, row in zip(searches, counts, strict=True):
        assert row.sum() == found.quotas.available[search.group.place, search.group.arm]


def test_the_same_study_draws_the_same_patients() -> None:
    first, again = usual(), match_of(small_plan(), clinics())
    assert members(first, clinics()) == members(again, clinics())
    assert first.population.draw.thresholds == again.population.draw.thresholds
    assert members(first, clinics()) == members(match_of(small_plan(), clinics()[::-1]), clinics())


def other_secret() -> tuple[Cohort, ...]:
    return (*clinics()[:3], replace(clinics()[3], secret=key("another")))


def test_another_secret_draws_others() -> None:
    """The coin changes with it, and so does the draw at the other hospitals."""
    first, other = usual(), match_of(small_plan(), other_secret())
    assert first.quotas.all_passes == other.quotas.all_passes
    site = clinics()[0]  # who is taken can come out alike by chance; the numbers cannot
    rows = np.arange(site.size)
    drawn = [found.population.draw.numbers(site, rows) for found in (first, other)]
    assert (drawn[0] != drawn[1]).all()


def test_another_plan_or_roster_or_extract_draws_others() -> None:
    """Bound by the terms: with the same quotas each of them leads to another draw."""
    found = usual()
    draw, terms = found.population.draw, found.population.draw.terms
    site, group = clinics()[0], found.quotas.to_split[0]
    assert isinstance(group, Group)
    numbers = draw.numbers(site, np.arange(site.size))
    others: list[CoinTerms] = [
        replace(terms, plan_digest=plan_digest(small_plan("standard"))),
        replace(terms, roster_digest=b"another roster".ljust(32)),
        terms_of(small_plan(), other_secret()),
    ]
    for changed in others:
        assert (replace(draw, terms=changed).numbers(site, np.arange(site.size)) != numbers).all()
    assert (replace(draw, coin=b"k" * 32).numbers(site, np.arange(site.size)) != numbers).all()


def imbalance_by_rows(draw: Draw, sites: tuple[Cohort, ...], plan: Plan) -> float:
    """Work out max |SMD| from the pooled rows: spreads before, difference after matching."""
    whole = pool(sites)
    taken = np.concatenate([draw.taken(site) for site in sites])
    worst = 0.0
    for what in balance_columns(plan):
        x = column(plan, what, whole, slice(None))
        treated, comparator = whole.arm == 1, whole.arm == 0
        if what.indicator:
            spreads = [x[arm].mean() * (1 - x[arm].mean()) for arm in (treated, comparator)]
        else:
            spreads = [x[arm].var(ddof=1) for arm in (treated, comparator)]
        difference = x[treated & taken].mean() - x[comparator & taken].mean()
        worst = max(worst, abs(difference) / np.sqrt(np.mean(spreads)))
    return worst


def test_the_chosen_key_is_the_best_balanced_one() -> None:
    """Recomputed from rows, for every key of the seed study; a tie goes to the lowest number."""
    plan, sites = crlm()
    found = seed_match()
    draw = found.population.draw
    draws = {n: replace(draw, key_number=n, thresholds={}) for n in range(1, 21)}
    _, _, thresholds = run_through(search_thresholds("m", draws, quota_searches(draws)), sites)
    by_rows = {
        n: imbalance_by_rows(with_thresholds(one, thresholds), sites, plan)
        for n, one in draws.items()
    }
    assert found.choice.imbalance == pytest.approx(by_rows, rel=1e-9)
    best = min(by_rows, key=lambda n: (round(by_rows[n], 9), n))
    assert found.choice.key_number == best == draw.key_number


def test_a_tie_goes_to_the_lowest_key() -> None:
    found = usual()
    draw = found.population.draw
    before = ask(Describe(small_plan(), Complete(small_plan())), clinics())
    same = {n: replace(draw, key_number=n) for n in (3, 5, 9)}
    step = Differences("matched", same, before)
    honest = opened(step, clinics())
    row = honest.sums["differences"][0]
    equal = replace(honest, sums={"differences": np.array([row * 2, row, row])})
    assert step.learn(equal).key_number == 5


def test_weighted_differences_of_sets_follow_the_rows() -> None:
    """With two controls a focal patient the mean of the controls is what counts."""
    plan = with_design(small_plan(), ratio=2, lottery_keys=2)
    found = match_of(plan, clinics())
    by_rows = imbalance_by_rows(found.population.draw, clinics(), plan)
    assert found.choice.imbalance[found.choice.key_number] == pytest.approx(by_rows, rel=1e-9)


def test_lotteries_of_the_seed_study_balance_as_described() -> None:
    """Over many coins: always 99 pairs, max |SMD| of the best of 20 keys within [.06, .13]."""
    plan, sites = crlm()
    found = seed_match()
    before = ask(Describe(plan, Complete(plan)), sites)
    draw = found.population.draw
    worst = []
    for seed in range(5):
        coin = bytes([seed]) * 32
        draws = {n: replace(draw, coin=coin, key_number=n, thresholds={}) for n in range(1, 21)}
        _, _, thresholds = run_through(search_thresholds("m", draws, quota_searches(draws)), sites)
        draws = {n: with_thresholds(one, thresholds) for n, one in draws.items()}
        for n in (1, 20):
            taken = [
                int(draws[n].taken(site)[site.arm == arm].sum()) for site in sites for arm in (0, 1)
            ]
            assert (sum(taken[::2]), sum(taken[1::2])) == (99, 99)
        choice = ask(Differences("matched", draws, before), sites)
        worst.append(choice.imbalance[choice.key_number])
    assert all(0.06 <= size <= 0.13 for size in worst), worst
    assert 0.07 < float(np.mean(worst)) < 0.1
    assert len(set(worst)) > 2
