"""Answers that are sealed to the coordinator: as it takes, stores and opens them."""

from collections.abc import Iterator

import pytest

from coordinator.journal import Journal, Kind, RunState
from coordinator.judge import ReplyError, unsealed
from coordinator.resume import begun
from coordinator.store import Store
from protocol.party import seal_key
from protocol.requests import OpenRun
from protocol.secagg.envelope import Envelope
from protocol.secagg.messages import Reply
from protocol.secagg.sealing import SealError
from protocol.wire.codec import decode_reply, encode_reply
from tests.coordinator.hospitals import OFFICE, brief_plan
from tests.coordinator.office import Desk


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journal]:
    with Store(f"sqlite:///{tmp_path_factory.mktemp('sealed') / 'journal.db'}") as store:
        desk = Desk(store)
        run = desk.start(brief_plan("standard"))
        assert desk.conduct(run) is RunState.FINISHED
        yield Journal(store, run)


def answers(journal: Journal) -> list[Envelope]:
    numbers = range(1, journal.row().trip)
    raw = [body for number in numbers for body in journal.bodies(Kind.REPLY, number).values()]
    return [one for one in map(decode_reply, raw) if isinstance(one, Envelope)]


def test_nobody_but_the_coordinator_opens_what_the_journal_holds(journal: Journal) -> None:
    opened, sealed = begun(journal, OFFICE), answers(journal)
    assert len(sealed) == len(opened.run.roster.sites) * (journal.row().trip - 1) > 0
    for one in sealed:
        assert isinstance(unsealed(opened.plan, opened.run, OFFICE, one), Reply)
        with pytest.raises(SealError):
            unsealed(opened.plan, opened.run, bytes(32), one)


def test_the_key_is_in_the_signed_request_and_its_secret_is_nowhere(journal: Journal) -> None:
    opened = begun(journal, OFFICE)
    assert isinstance(opened.request, OpenRun)
    assert opened.request.seal == seal_key(opened.plan, opened.run.run_id, OFFICE)
    opened.request.verify(opened.run.roster.coordinator)


def test_an_answer_in_the_open_is_none_where_it_should_be_sealed(journal: Journal) -> None:
    opened, one = begun(journal, OFFICE), answers(journal)[0]
    bare = unsealed(opened.plan, opened.run, OFFICE, one)
    with pytest.raises(ReplyError):
        unsealed(opened.plan, opened.run, OFFICE, bare)
    with pytest.raises(ReplyError):
        unsealed(brief_plan("exact"), opened.run, OFFICE, one)
    assert len(encode_reply(one)) < len(encode_reply(bare)) + 100
