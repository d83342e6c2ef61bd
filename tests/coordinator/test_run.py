"""A run conducted from its journal equals the study played in one process."""

import numpy as np
import pytest

from coordinator.journal import Journal, Kind, RunState
from coordinator.points import Point
from coordinator.resume import SALT_SIZE
from coordinator.store import Store
from protocol.secagg.messages import Reply
from protocol.wire.codec import decode_reply
from tests.coordinator.hospitals import brief_plan, in_one_process
from tests.coordinator.office import Desk, assert_equal
from tests.federation.table import short_plan


@pytest.mark.parametrize("profile", ["exact", "standard"])
def test_a_run_equals_the_study_in_one_process(sqlite: Store, profile: str) -> None:
    desk, plan = Desk(sqlite), short_plan(profile)
    run = desk.start(plan)
    assert desk.conduct(run) is RunState.FINISHED
    assert_equal(desk.published[0], in_one_process(plan))
    row = Journal(sqlite, run).row()
    assert (row.published is not None, row.deadline, row.wish) == (True, None, "")
    assert desk.conduct(run) is RunState.FINISHED
    assert len(desk.published) == 1


def test_two_runs_on_one_journal_do_not_mix(store: Store) -> None:
    desk = Desk(store)
    first, second = desk.start(number=1), desk.start(brief_plan("standard"), number=2)
    desk.die(first, Point.RESULT_WRITTEN, 3)
    assert desk.conduct(second) is RunState.FINISHED
    assert desk.conduct(first) is RunState.FINISHED
    assert [played.run_id for played in desk.published] == [second, first]
    assert_equal(desk.published[1], in_one_process(brief_plan()))


def test_withheld_totals_are_salted_and_the_salts_kept(sqlite: Store) -> None:
    desk = Desk(sqlite)
    run = desk.start(brief_plan("standard"))
    desk.conduct(run)
    journal = Journal(sqlite, run)
    salts = [journal.body(Kind.SALTS, trip) for trip in range(1, 5)]
    assert [len(raw or b"") for raw in salts] == [0, 0, 0, SALT_SIZE]


def test_the_journal_holds_masked_words_only(sqlite: Store) -> None:
    """I5: what it has of a hospital is what the hospital signed, and that looks like noise."""
    desk = Desk(sqlite)
    run = desk.start()
    desk.conduct(run)
    journal, words = Journal(sqlite, run), b""
    for trip in range(2, Journal(sqlite, run).row().trip):
        for site, raw in journal.bodies(Kind.REPLY, trip).items():
            said = decode_reply(raw)
            assert isinstance(said, Reply)
            own = desk.sites[site].uploads
            ctx = next(iter(own))[0]
            assert all(vector.words in own[ctx, vector.step] for vector in said.vectors)
            words += b"".join(vector.words for vector in said.vectors)
    counts = np.bincount(np.frombuffer(words, dtype=np.uint8), minlength=256)
    expected = len(words) / 256
    # Chi-square with 255 degrees of freedom: 400 is beyond chance; small counts in 8 bytes each
    # are mostly zeros, and give a hundred times that.
    assert expected > 20
    assert ((counts - expected) ** 2 / expected).sum() < 400
