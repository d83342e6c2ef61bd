"""A node that dies at any point goes on: the same bytes, the same sums, no key left behind."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from protocol.ids import SiteId
from protocol.requests import Finish
from protocol.wire import codec
from site_node.course import parts_of
from site_node.ledger import Kind
from site_node.points import Point
from tests.site_node.office import Drive, abort, drive
from tests.site_node.town import House, Killed, town

S0 = SiteId("s0")
OURS = [point for point in Point if point not in (Point.BEFORE_SEND, Point.AFTER_SEND)]
"""All points but the carrier's."""


def delivered(run: Drive, site: SiteId) -> bytes:
    """Ask until there is an answer; a node that died is started again."""
    for _ in range(3):
        try:
            return run.deliver(site)
        except Killed:
            continue
    pytest.fail("the node dies again and again")


def sound(run: Drive) -> None:
    """Hold I1, I2 and I4 against what was said and what is written."""
    assert {len(answers) for answers in run.said.values()} == {1}
    for site, house in run.town.houses.items():
        said = {a for (who, _), answers in run.said.items() if who == site for a in answers}
        assert said == written(house)
        assert [path.name for path in house.folder.runs.iterdir()] == ["head"]


def written(house: House) -> set[bytes]:
    """List every answer in a ledger."""
    place = {Kind.OPENED: 1, Kind.RELEASE: 1, Kind.CLOSED: 0}
    found = house.query("SELECT kind, body FROM entries")
    return {parts_of(body)[place[kind]] for kind, body in found if kind in place}


@pytest.fixture(scope="module")
def sums(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, NDArray[Any]]]:
    """What an undisturbed run comes to."""
    made = town(tmp_path_factory.mktemp("calm"))
    run = drive(made).go()
    made.close()
    return totals(run)


def totals(run: Drive) -> list[dict[str, NDArray[Any]]]:
    assert run.office is not None
    answers = [answer for trip in run.office.known.answers for answer in trip]
    return [dict(answer.opened.sums) for answer in answers if answer.opened is not None]


@pytest.mark.parametrize("point", OURS)
def test_a_node_that_dies_at_a_point_goes_on(
    tmp_path: Path, point: Point, sums: list[dict[str, NDArray[Any]]]
) -> None:
    """One dies where each message of a run comes to the point; I3, I6."""
    made, deaths = town(tmp_path), 0
    run = drive(made)
    while not run.finished:
        made.houses[S0].dies_at = point
        run.take({site: codec.decode_reply(delivered(run, site)) for site in made.houses})
        deaths += made.houses[S0].dies_at is None
    made.houses[S0].dies_at = None
    assert deaths >= 1
    sound(run)
    for mine, calm in zip(totals(run), sums, strict=True):
        for name, total in calm.items():
            np.testing.assert_array_equal(mine[name], total)
    made.close()


@pytest.mark.parametrize("point", [Point.CLOSING, Point.KEYS_DELETED])
@pytest.mark.parametrize("after", [1, 2, 4])
def test_an_abort_that_dies_is_an_abort(tmp_path: Path, point: Point, after: int) -> None:
    """Whether it had keys, and whether they were deleted before it died."""
    made = town(tmp_path)
    run, house = drive(made).go(after), made.houses[S0]
    house.dies_at = point
    with pytest.raises(Killed):
        house.ask(abort(run))
    done = house.ask(abort(run))
    assert getattr(done, "state", None) == "aborted"
    assert [path.name for path in house.folder.runs.iterdir()] == ["head"]
    made.close()


def test_a_finish_that_dies_with_the_keys_gone_is_a_finish(tmp_path: Path) -> None:
    """The ledger has the last result, so the node knows how the run ended."""
    made = town(tmp_path)
    run, house = drive(made), made.houses[S0]
    while not isinstance(run.request, Finish):
        run.go(1)
    house.dies_at = Point.KEYS_DELETED
    with pytest.raises(Killed):
        run.deliver(S0)
    house.node.tidy()
    assert house.query("SELECT count(*) FROM entries WHERE kind = 'closed'") == [(1,)]
    run.go()
    sound(run)
    made.close()


def test_keys_without_a_run_are_swept_up(tmp_path: Path) -> None:
    """A node that died before the ledger knew of the run leaves a file of keys and no more."""
    made = town(tmp_path, approved=False)
    house = made.houses[S0]
    house.node  # noqa: B018 - starts it
    house.stop()
    for name in ("ab" * 32 + ".keys", "ab" * 32 + ".keys.new"):
        (house.folder.runs / name).write_bytes(b"{}")
    house.node  # noqa: B018
    assert list(house.folder.runs.iterdir()) == []
    made.close()


def test_two_that_die_do_not_mind_each_other(tmp_path: Path) -> None:
    made = town(tmp_path)
    run = drive(made)
    first, second, *_ = made.houses.values()
    # The keys come with the second request.
    points = [Point.BEFORE_LEDGER, Point.KEYS_WRITTEN, Point.KEYED, Point.AFTER_LEDGER]
    died: Counter[Point] = Counter()
    while not run.finished:
        due = points[:2]
        first.dies_at, second.dies_at = due
        points = points[1:] + points[:1]
        run.take({site: codec.decode_reply(delivered(run, site)) for site in made.houses})
        left = first.dies_at, second.dies_at
        died.update(point for point, still in zip(due, left, strict=True) if still is None)
        first.dies_at = second.dies_at = None
    assert died.keys() == set(points)
    sound(run)
    made.close()
