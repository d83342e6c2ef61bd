"""What a rehearsal found is kept for the same plan, rows, limits and software, and no others."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from protocol.disclosure_site import Tighter
from site_node.data.snapshot import PinnedFile, Snapshot
from site_node.folder import StateFolder, make_folder
from site_node.preview.kept import Found, kept_or
from tests.federation.cohorts import changed, clinics, small_plan

SOFTWARE = bytes(32)
FOUND = ("item 1, patients: review, smallest group fewer than 10 (publication)",)
FILE = PinnedFile(Path("extract.csv"), (), bytes(32))
HERE = Snapshot(small_plan("exact"), clinics()[0], (FILE,))


@dataclass
class Look:
    """Counts how often somebody looks."""

    times: list[Found] = field(default_factory=list)

    def __call__(self) -> Found:
        self.times.append(FOUND)
        return FOUND


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    return make_folder(tmp_path / "state")


def test_the_same_is_looked_at_once(folder: StateFolder) -> None:
    look = Look()
    for _ in range(3):
        assert kept_or(folder, HERE, Tighter(), SOFTWARE, look) == FOUND
    assert len(look.times) == 1


@pytest.mark.parametrize(
    ("snapshot", "own", "software"),
    [
        (replace(HERE, files=(replace(FILE, sha256=bytes(31) + b"1"),)), Tighter(), SOFTWARE),
        (replace(HERE, plan=changed(HERE.plan, "study", title="Other")), Tighter(), SOFTWARE),
        (HERE, Tighter(published_floor=20), SOFTWARE),
        (HERE, Tighter(), bytes(31) + b"1"),
    ],
    ids=["rows", "plan", "limits", "software"],
)
def test_whatever_changes_is_looked_at_anew(
    folder: StateFolder, snapshot: Snapshot, own: Tighter, software: bytes
) -> None:
    look = Look()
    kept_or(folder, HERE, Tighter(), SOFTWARE, look)
    kept_or(folder, snapshot, own, software, look)
    assert len(look.times) == 2


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"review":[1]}', b'{"review":"x"}', b"\xff"])
def test_a_damaged_file_counts_as_none(folder: StateFolder, raw: bytes) -> None:
    look = Look()
    kept_or(folder, HERE, Tighter(), SOFTWARE, look)
    (path,) = (folder.path / "reviews").iterdir()
    path.write_bytes(raw)
    assert kept_or(folder, HERE, Tighter(), SOFTWARE, look) == FOUND
    assert len(look.times) == 2


def test_a_disk_that_refuses_costs_time_and_no_look(folder: StateFolder) -> None:
    (folder.path / "reviews").write_bytes(b"a file where the folder would be")
    look = Look()
    for _ in range(2):
        assert kept_or(folder, HERE, Tighter(), SOFTWARE, look) == FOUND
    assert len(look.times) == 2
