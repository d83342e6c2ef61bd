"""A hospital is lost in mid-run: the office aborts, and the others go on without it under rule L.

From the journal to the nodes' gates, with real rosters, consents and ledgers (SPEC 7.2 to 7.4).
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from coordinator.control import RunStateError, Start, request_abort, start_run
from coordinator.journal import Journal, RunState
from coordinator.status import run_status
from coordinator.store import Store
from protocol.governance.signed import Consent, make_consent
from protocol.ids import SiteId
from protocol.requests import LOCAL_POLICY
from protocol.run import play
from tests.coordinator.hospitals import brief_plan
from tests.federation.centre import Centre, Line
from tests.federation.cohorts import clinics
from tests.protocol.governance.parties import after, seed
from tests.site_node.town import approve, signed, town

LOST = SiteId("s3")


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    made = town(tmp_path / "town", brief_plan(), clinics(4, 40))
    with Store(f"sqlite:///{tmp_path / 'journal.db'}") as store:
        yield Centre(store, made, Line(made))
    made.close()


def lose(centre: Centre, trips: int) -> bytes:
    """Let a run come to a trip, lose a hospital in it, and abort."""
    run, line = centre.start(1), centre.line

    def gone() -> bool:
        return run_status(centre.store, run).row.trip >= trips

    def exchange(requests: Mapping[SiteId, bytes], *rest: Any) -> Iterator[tuple[SiteId, bytes]]:
        if gone():
            line.away.add(LOST)
        return carry(requests, *rest)

    carry = line.exchange
    line.exchange = exchange  # type: ignore[assignment, method-assign]
    assert centre.conduct(run) is RunState.FAILED  # nobody answers for it before the deadline
    line.exchange = carry  # type: ignore[method-assign]
    request_abort(centre.store, run, centre.town.clock())
    assert centre.conduct(run) is RunState.ABORTED
    return run


def without(centre: Centre, replaces: bytes, consents: tuple[Consent, ...] = ()) -> bytes:
    """Start the next epoch under a roster that the authority signed without the lost one."""
    old = centre.town.roster
    fewer = after(old, *(site for site in old.sites if site != LOST))
    for site in fewer.sites:  # a roster less a hospital is another one to approve
        approve(centre.town.houses[site], centre.town.plan, old, fewer)
    number = int.from_bytes(replaces, "big") + 1 + len(consents)
    start = Start(
        run_id=number.to_bytes(16, "big"),
        plan=centre.town.plan,
        rosters=(signed(old), signed(fewer)),
        consents=consents,
        replaces=replaces,
    )
    row = start_run(centre.store, start, now=centre.town.clock(), software="1.0")
    assert row.epoch == 1
    return row.run_id


def test_nobody_goes_on_without_the_lost_ones_consent(centre: Centre) -> None:
    lost = lose(centre, trips=3)
    alone = without(centre, lost)
    assert centre.conduct(alone) is RunState.REFUSED
    assert LOCAL_POLICY in Journal(centre.store, alone).row().reason
    assert not centre.published


def test_with_its_consent_the_study_begins_anew_over_the_others(centre: Centre) -> None:
    lost = lose(centre, trips=3)
    agreed = make_consent(seed(LOST), "Leberzentren", "crlm", LOST)
    again = without(centre, lost, (agreed,))
    assert centre.conduct(again) is RunState.FINISHED
    assert centre.published[0].sites == ("s0", "s1", "s2")
    rest = [cohort for cohort in clinics(4, 40) if cohort.site != LOST]
    flow = play(centre.town.plan, rest, bytes(32)).record.answers[1].opened
    mine = centre.published[0].record.answers[1].opened
    assert mine is not None
    assert flow is not None
    assert mine.patients == flow.patients


def test_a_hospital_lost_at_the_lock_needs_no_consent(centre: Centre) -> None:
    lost = lose(centre, trips=1)
    assert centre.conduct(without(centre, lost)) is RunState.FINISHED


def test_only_an_aborted_run_is_replaced(centre: Centre) -> None:
    run = centre.start(1)
    with pytest.raises(RunStateError, match="only an aborted run is replaced"):
        without(centre, run)
