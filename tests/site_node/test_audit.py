"""The ledger written out for people: every line, with its digest, and nothing of a row."""

import csv
import json
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path

import pytest

from protocol.ids import SiteId
from site_node.audit import FIELDS, AuditFormat, Record, records, written
from site_node.ledger import Ledger, LedgerError, RolledBackError
from tests.site_node.office import drive
from tests.site_node.town import Town, town

S0 = SiteId("s0")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = town(tmp_path_factory.mktemp("audit"))
    drive(made).go()
    made.houses[S0].ask(made.opening("another", plan=b"{}"))
    yield made
    made.close()


def told(place: Town) -> tuple[Record, ...]:
    with place.houses[S0].ledger() as ledger:
        return tuple(records(ledger.lines()))


def test_every_line_is_told_with_its_digest(place: Town) -> None:
    found = told(place)
    with place.houses[S0].ledger() as ledger:
        assert [one.digest for one in found] == [line.digest.hex() for line in ledger.lines()]
    kinds = [one.kind for one in found]
    assert kinds[:3] == ["proposed", "decided", "opened"]
    assert kinds[-2:] == ["closed", "refused"]


def test_releases_refusals_and_approvals_are_said_in_words(place: Town) -> None:
    said = {one.kind: one.said for one in told(place)}
    assert said["decided"].startswith("Dr Martin: approve plan ")
    assert "masked words left this hospital: " in said["release"]
    assert said["refused"].startswith("refused: the plan was not proposed to this hospital")
    assert said["closed"] == "the run is finished: finished; its keys are gone"


def test_all_formats_tell_the_same(place: Town) -> None:
    found = told(place)
    lines = [json.loads(line) for line in written(found, AuditFormat.JSONL, S0, "").splitlines()]
    assert [tuple(line.values()) for line in lines] == [one.cells for one in found]
    rows = list(csv.reader(StringIO(written(found, AuditFormat.CSV, S0, ""))))
    assert rows == [list(FIELDS), *([str(cell) for cell in one.cells] for one in found)]
    page = written(found, AuditFormat.HTML, S0, "the head")
    assert all(one.digest in page for one in found)
    assert "the head" in page


def test_what_people_wrote_is_text_and_nothing_else() -> None:
    evil = Record(1, "t", "decided", "", 0, "<script>alert(1)</script>", "00", "11")
    assert "<script>" not in written([evil], AuditFormat.HTML, S0, "")
    formula = Record(1, "t", "decided", "", 0, "=HYPERLINK(1)", "00", "11")
    assert "'=HYPERLINK(1)" in written([formula], AuditFormat.CSV, S0, "")


def test_lines_from_a_time_on(place: Town) -> None:
    house = place.houses[S0]
    with house.ledger() as ledger:
        assert not tuple(records(ledger.lines(), house.clock() + timedelta(seconds=1)))
        assert len(tuple(records(ledger.lines(), house.clock()))) == ledger.head.seq


@pytest.mark.parametrize(
    ("harm", "error", "why"),
    [
        ("UPDATE entries SET body = x'00' WHERE seq = 3", LedgerError, "line 3 is not as it was"),
        ("UPDATE entries SET kind = 'note' WHERE seq = 2", LedgerError, "line 2 is not as it was"),
        ("DELETE FROM entries WHERE seq = 4", LedgerError, "a line before line 5"),
        ("DELETE FROM entries WHERE seq > 5", RolledBackError, "is an older copy"),
    ],
)
def test_whatever_is_done_to_the_ledger_shows(
    tmp_path: Path, harm: str, error: type[LedgerError], why: str
) -> None:
    made = town(tmp_path)
    drive(made).go(3)
    house = made.houses[S0]
    made.close()
    database = sqlite3.connect(house.folder.ledger)
    for trigger in ("no_change", "no_removal"):
        database.execute(f"DROP TRIGGER {trigger}")
    database.execute(harm)
    database.commit()
    database.close()
    with pytest.raises(error, match=why):
        Ledger.open(house.folder.ledger, house.folder.head, house.clock)
