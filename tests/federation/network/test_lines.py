"""Lines between hospitals and the office that break in every way, under runs in real processes.

==================  =========================================================================
group               what it proves
==================  =========================================================================
before sending      one, two or all hospitals are cut off before a question reaches them: none
                    of them answers it meanwhile, and the run goes on by itself afterwards
after sending       the same where they have answered and the answers are lost: each repeats
                    the bytes of its ledger
half-open           a line that is dead at one end only: the hospital that comes back by another
                    takes over, and the office does not wait for the dead one
slow                all hospitals send 1 kB/s, at the login too: the run ends well
storm               a hundred connections cut and made again during one study
==================  =========================================================================

After each, `require_sound`: one upload a step, each in its ledger first, the sums of one process.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from coordinator.journal import Journal, RunState
from protocol.ids import SiteId
from site_node.ledger import Kind
from site_node.points import Point
from site_node.setup import set_address
from tests.federation.crash.cluster import Cluster, cluster, running
from tests.federation.crash.ground import Ground, copied
from tests.federation.crash.invariants import require_sound
from tests.federation.crash.lives import Death, rows
from tests.federation.network.lines import Line, line
from tests.ports import HOST

Lines = dict[SiteId, Line]
THIRD = 3
"""A trip with numbers of patients."""


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as opened:
        yield opened


def lined(ground: Ground, stack: ExitStack) -> Lines:
    """Lay a line to every hospital."""
    port = int(ground.office.listen.rpartition(":")[2])
    lines = {site: stack.enter_context(line(port)) for site in ground.sites}
    for site, own in lines.items():
        set_address(ground.site_file(site), f"{HOST}:{own.port}")
    return lines


def released(ground: Ground, site: SiteId) -> int:
    """Count the trips that a hospital has answered, as its ledger has it."""
    ledger = ground.state(site).ledger
    if not ledger.exists():
        return 0
    return int(rows(ledger, "SELECT count(*) FROM entries WHERE kind = ?", Kind.RELEASE)[0][0])


def stopped_at(point: Point, visit: int, ground: Ground, sites: tuple[SiteId, ...]) -> Any:
    """Let hospitals stop at a point, and say so by files."""
    marks = {site: ground.folder / f"{site}.mark" for site in sites}
    return marks, {site: [Death(point, visit, signal.SIGSTOP, marks[site])] for site in sites}


def go_on(made: Cluster, sites: tuple[SiteId, ...], reached: Callable[[], bool]) -> None:
    """Let those who stopped go on, until something holds."""

    def gone_on() -> bool:
        for site in sites:  # again, as the mark is made just before the stop
            made.sites[site].signal(signal.SIGCONT)
        return reached()

    made.until(gone_on)


def ended(made: Cluster, journal: Journal, sums: Any) -> None:
    made.until_published(journal)
    made.stop()
    require_sound(made.ground, journal, sums)
    assert [machine.ends for machine in made.machines] == [[]] * len(made.machines)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_cut_off_before_a_question_comes(
    ground: Ground, stack: ExitStack, sums: Any, count: int
) -> None:
    """They stop before their second answer goes out, so that the third trip finds them cut off."""
    lines, cut_off = lined(ground, stack), ground.sites[:count]
    marks, deaths = stopped_at(Point.BEFORE_SEND, THIRD, ground, cut_off)
    made = cluster(ground, site_deaths=deaths)
    with running(made) as (_, journal):
        made.until(lambda: all(mark.exists() for mark in marks.values()))
        for site in cut_off:
            lines[site].open = lines[site].down = False
        go_on(made, cut_off, lambda: journal.row().trip == THIRD)
        for site in cut_off:
            lines[site].cut()
            made.until(partial(has_dialled, lines[site], 3))
            assert released(ground, site) == THIRD - 1
        assert journal.row().state is RunState.ASKING
        for site in cut_off:
            lines[site].heal()
        ended(made, journal, sums)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_cut_off_after_an_answer_was_sent(
    ground: Ground, stack: ExitStack, sums: Any, count: int
) -> None:
    lines, cut_off = lined(ground, stack), ground.sites[:count]
    # The opening is answered too: the fourth answer is the third trip's.
    marks, deaths = stopped_at(Point.BEFORE_SEND, THIRD + 1, ground, cut_off)
    made = cluster(ground, site_deaths=deaths)
    with running(made) as (_, journal):
        made.until(lambda: all(mark.exists() for mark in marks.values()))
        for site in cut_off:
            lines[site].open = lines[site].up = False
        for site in cut_off:
            assert released(ground, site) == THIRD
            lines[site].cut()
            go_on(made, cut_off, partial(has_dialled, lines[site], 3))
        assert journal.row().trip == THIRD
        for site in cut_off:
            lines[site].heal()
        ended(made, journal, sums)
    for site in cut_off:
        log = (ground.folder / site / "node.log").read_text()
        assert '"answered-again"' in log


def has_dialled(one: Line, times: int) -> bool:
    return one.dialled >= times


def test_a_line_that_is_dead_at_one_end(ground: Ground, stack: ExitStack, sums: Any) -> None:
    """Its old connection stays open at the office, which asks it, in vain, whether it lives."""
    lines, site = lined(ground, stack), ground.sites[0]
    marks, deaths = stopped_at(Point.BEFORE_SEND, THIRD, ground, (site,))
    made = cluster(ground, site_deaths=deaths)
    with running(made) as (_, journal):
        made.until(marks[site].exists)
        other = stack.enter_context(line(lines[site].target[1]))
        set_address(ground.site_file(site), f"{HOST}:{other.port}")
        lines[site].half_open = True  # nobody answers on the old line, nor closes it
        lines[site].up = lines[site].down = False
        made.sites[site].signal(signal.SIGKILL)
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, sums)
    assert made.sites[site].ends == [-9]


def test_hospitals_that_send_one_kilobyte_a_second(
    ground: Ground, stack: ExitStack, sums: Any
) -> None:
    """From the third trip on, and all of them have to log in once more; they hear no faster."""
    lines = lined(ground, stack)
    made = cluster(ground)
    with running(made) as (_, journal):
        made.until(lambda: journal.row().trip >= THIRD)
        before = {site: one.passed_bytes for site, one in lines.items()}
        for one in lines.values():
            one.up_speed, one.down_speed = 1000, 1000
            one.cut()
        ended(made, journal, sums)
    assert all(one.passed_bytes - before[site] > 5000 for site, one in lines.items())


def test_a_storm_of_a_hundred_reconnections(
    whole: Ground, whole_sums: Any, stack: ExitStack, tmp_path: Path
) -> None:
    ground = copied(whole, tmp_path / "federation")
    lines = lined(ground, stack)
    made = cluster(ground)
    with running(made) as (_, journal):
        made.until(lambda: journal.row().state is RunState.ASKING)
        for number in range(100):
            one = lines[ground.sites[number % len(ground.sites)]]
            made.until(partial(has_dialled, one, 1 + number // len(ground.sites)))
            one.cut()
        ended(made, journal, whole_sums)
    assert sum(one.dialled for one in lines.values()) >= 100
