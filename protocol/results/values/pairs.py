"""What is seen within the pairs of a matched population."""

from dataclasses import dataclass

from protocol.results.values.estimates import HazardRatio, LogRankTest, Test


@dataclass(frozen=True)
class HiddenBias:
    """The largest one-sided P value if hidden bias makes odds within pairs up to `gamma`."""

    gamma: float
    p_value: float


@dataclass(frozen=True)
class DiscordantPairs:
    """Pairs in which one partner alone has had the event by a time, and McNemar's tests.

    `spread` is the standard deviation of their number over the pairings that cells allow; 0 where
    pairs are known.
    """

    time: int
    only_treated: float
    only_comparator: float
    spread: float
    mcnemar: Test
    corrected: Test
    exact_p: float
    bounds: tuple[HiddenBias, ...]


@dataclass(frozen=True)
class PairsResult:
    """One endpoint within the pairs of a matched population.

    `by_cell`: nobody knows the pairs, which lie across hospitals; numbers are what random pairing
    within cells makes one expect, and there are no tests of times. `hazard_ratio` is None where
    not estimable.
    """

    endpoint: str
    label: str
    population: str
    by_cell: bool
    pairs: int
    discordant: tuple[DiscordantPairs, ...]
    log_rank: LogRankTest | None
    hazard_ratio: HazardRatio | None
