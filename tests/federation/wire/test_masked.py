"""What leaves real nodes looks like noise: alone, and summed with all but one other's.

==================  =========================================================================
group               what it proves
==================  =========================================================================
uniform             chi-square over the bytes of 10^6 words that nodes answered, by place in
                    the word; over sums of a hospital's and another's as well; and the same
                    test sees at once that numbers in the clear are none
alike               other patients change no length of any answer and no code
==================  =========================================================================
"""

from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.ids import SiteId
from protocol.plan.read import read_plan
from protocol.wire import codec
from tests.federation.cohorts import clinics
from tests.federation.crash.ground import brief_text
from tests.federation.crash.invariants import vectors
from tests.site_node.office import Drive, drive
from tests.site_node.town import town

Bytes = NDArray[np.uint8]

LOW, HIGH = 160, 372
"""P below 10^-6 at either end of chi-square with 255 degrees of freedom."""

DAYS = 40_000
"""So many cells by arm and day make a million words of all answers together."""


def answered(folder: Path, days: int, hospitals: int = 3, seed: int = 1) -> Iterator[Drive]:
    text = brief_text().replace("range = [0, 60]", f"range = [0, {days}]")
    made = town(folder, read_plan(text, "plan"), clinics(hospitals, 40, seed))
    yield drive(made).go()
    made.close()


@pytest.fixture(scope="module")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drive]:
    yield from answered(tmp_path_factory.mktemp("town"), DAYS, 5)


def words(run: Drive) -> dict[SiteId, Bytes]:
    """Gather all masked words of each hospital, a row of eight bytes a word."""
    found = dict.fromkeys(run.town.houses, b"")
    for (site, _), replies in run.said.items():
        for reply in replies:
            found[site] += b"".join(vector.words for vector in vectors(reply))
    return {site: np.frombuffer(raw, dtype=np.uint8).reshape(-1, 8) for site, raw in found.items()}


def chi_square(column: Bytes) -> float:
    seen = np.bincount(column.ravel(), minlength=256)
    expected = column.size / 256
    return float(((seen - expected) ** 2 / expected).sum())


def sums(one: Bytes, other: Bytes) -> Bytes:
    both: NDArray[np.uint64] = one.view("<u8") + other.view("<u8")
    return both.view(np.uint8).reshape(-1, 8)


def test_a_million_words_of_answers_are_uniform(long_run: Drive) -> None:
    """All randomness of these nodes is fixed, so this passes always or never."""
    found = words(long_run)
    together = np.concatenate(list(found.values()))
    assert len(together) >= 10**6
    for column in (together, *together.T):
        assert LOW < chi_square(column) < HIGH
    for one, other in zip(found.values(), [*found.values()][1:], strict=False):
        for column in sums(one, other).T:
            assert LOW < chi_square(column) < HIGH


def test_the_masks_are_all_that_hides_them(long_run: Drive) -> None:
    """The sum of all five is in the clear, and nothing like noise; that of four is noise."""
    *others, last = words(long_run).values()
    four = reduce(sums, others)
    for column, with_last in zip(four.T, sums(four, last).T, strict=True):
        assert LOW < chi_square(column) < HIGH < chi_square(with_last) / 100


def test_other_patients_change_no_length_and_no_code(tmp_path: Path) -> None:
    (one,) = answered(tmp_path / "one", 60, seed=1)
    (other,) = answered(tmp_path / "other", 60, seed=5)
    assert shapes(one) == shapes(other)
    assert len(shapes(one)) == 3 * 6  # an opening, four trips and an end at each


def shapes(run: Drive) -> list[tuple[SiteId, str, int]]:
    """List what an onlooker sees of each answer: whose, of what kind, how long."""
    return [
        (site, type(codec.decode_reply(reply)).__name__, len(reply))
        for (site, _), replies in run.said.items()
        for reply in replies
    ]
