"""No number of one hospital is found anywhere outside its own folder, in whatever writing.

==================  =========================================================================
group               what it proves
==================  =========================================================================
numbers (I5)        after a run in real processes, no window of any hospital's release, as the
                    words that masks hide or as text, is in any file of the office or of another
                    hospital, nor among the bytes that arrived; a sum of all is found there
memory (I5)         nor is one in the office's memory, stopped with all replies at hand
records             values that stand in one hospital's rows alone are in no file but its
                    extract: neither in another folder nor in its own logs, at level debug,
                    while it is refused, killed, and its rows are at fault
==================  =========================================================================
"""

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coordinator.points import Point as OfficePoint
from protocol.question import Answer
from protocol.secagg.block import pack
from protocol.secagg.messages import Block, Contribution
from site_node.ledger import Kind
from site_node.points import Point
from tests.federation.crash.cluster import Cluster, cluster, running
from tests.federation.crash.ground import Ground, in_the_clear, replace_text
from tests.federation.crash.invariants import arrivals, require_sound, vectors
from tests.federation.crash.lives import Death, rows, screen

WINDOW = 8
"""Words that are looked for together: no chance hits, and none is missed by a change beside it."""


def windows(words: Any) -> set[bytes]:
    """Cut words into windows that say something: half of their words differ from each other."""
    begins = [k for k in range(0, len(words) - WINDOW + 1, WINDOW // 4) if words[k]]
    cut = [words[k : k + WINDOW] for k in begins]
    return {window.tobytes() for window in cut if len(set(window.tolist())) >= WINDOW // 2}


def arrays(release: Any) -> set[bytes]:
    """Cut the arrays of a release into windows, as a process holds them."""
    return {w for values in release.values() for w in windows(np.asarray(values).ravel())}


def texts(release: Any) -> set[bytes]:
    """Write every row of every table as JSON does, where it says something."""
    tables = [np.atleast_1d(np.asarray(values)) for values in release.values()]
    cells = [row for table in tables for row in table.reshape(-1, table.shape[-1]).tolist()]
    return {
        json.dumps(some, separators=separators).encode()
        for some in cells
        if len(set(some)) >= WINDOW // 2 or (len(set(some)) > 1 and len(some) >= 3 * WINDOW)
        for separators in ((", ", ": "), (",", ":"))
    }


def needles(ground: Ground) -> tuple[dict[Any, set[bytes]], set[bytes]]:
    """Say what each hospital would send in the clear, and what all of it adds up to."""
    played, own = in_the_clear(ground), ground.cohorts()
    each: dict[Any, set[bytes]] = {cohort.site: set() for cohort in own}
    added: set[bytes] = set()
    for answer in played.record.answers:
        vectors = [packed(answer, cohort) for cohort in own]
        added |= windows(sum(vectors[1:], start=vectors[0]))
        for cohort, words in zip(own, vectors, strict=True):
            release = answer.step.local(cohort)
            each[cohort.site] |= windows(words) | arrays(release) | texts(release)
    for answer in played.record.answers:
        if answer.opened is not None:
            added |= arrays(answer.opened.sums) | texts(answer.opened.sums)
    others = {site: set().union(*(each[s] for s in each if s != site)) for site in each}
    return {site: found - others[site] - added for site, found in each.items()}, added


def packed(answer: Answer, cohort: Any) -> Any:
    """Write a release as the words under the mask, without the protocol's own lanes."""
    layout = answer.step.layout()
    block = Block(1, answer.step.name, layout, b"", lock=not layout.fields)
    own = Contribution({}, 0) if block.lock else Contribution(answer.step.local(cohort), 1)
    return pack(block, bytes(32), 3, own)[block.lanes * block.width // 64 :]


def files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def found_in(raw: bytes, wanted: set[bytes]) -> set[bytes]:
    return {needle for needle in wanted if needle in raw}


def test_no_hospitals_numbers_are_outside_its_folder(ground: Ground, sums: Any) -> None:
    each, added = needles(ground)
    made = cluster(ground, [Death(OfficePoint.BEFORE_CLOSE, 3)])
    with running(made) as (_, journal):
        made.until_published(journal)
        made.stop()
        require_sound(ground, journal, sums)
    arrived = b"".join(reply for _, reply, _ in arrivals(ground))
    for site, wanted in each.items():
        assert len(wanted) > 20
        assert found_in(arrived, wanted) == set()
        for path in files(ground.folder):
            if ground.folder / site not in path.parents:
                assert found_in(path.read_bytes(), wanted) == set(), path
    published = b"".join(path.read_bytes() for path in files(ground.office.out))
    ledgers = b"".join(line for site in ground.sites for line in result_lines(ground, site))
    assert found_in(published, added)  # this is how a find would look
    assert found_in(ledgers, added)


def result_lines(ground: Ground, site: Any) -> list[bytes]:
    sql = "SELECT body FROM entries WHERE kind = ?"
    return [body for (body,) in rows(ground.state(site).ledger, sql, Kind.RESULT)]


@pytest.mark.skipif(sys.platform != "linux", reason="reads another process's memory in /proc")
def test_no_hospitals_numbers_are_in_the_offices_memory(ground: Ground, tmp_path: Path) -> None:
    """It is stopped over its last trip with numbers of patients, with all sums made."""
    each, added = needles(ground)
    mark = tmp_path / "stopped"
    made = cluster(ground, [Death(OfficePoint.RESULT_WRITTEN, 4, signal.SIGSTOP, mark)])
    with running(made) as (_, _journal):
        made.until(mark.exists)
        memory = memory_of(made)
        made.stop()
    for wanted in each.values():
        assert found_in(memory, telling(wanted)) == set()
    uploads = [vector.words for _, raw, _ in arrivals(ground) for vector in vectors(raw)]
    assert max(uploads, key=len)[:64] in memory  # what is searched is the right memory
    assert found_in(memory, telling(added))


def telling(wanted: set[bytes]) -> set[bytes]:
    """Choose the few with the most different bytes, the first among them: memory is large."""
    begun = [needle for needle in wanted if needle[:2].strip(b"\0")]
    return set(sorted(begun, key=lambda needle: len(set(needle)))[-8:])


def memory_of(made: Cluster) -> bytes:
    """Read all of the office's memory that is no file's."""
    assert made.office.process is not None
    process, parts = Path(f"/proc/{made.office.process.pid}"), list[bytes]()
    with (process / "mem").open("rb", buffering=0) as memory:
        for line in (process / "maps").read_text().splitlines():
            found = re.match(r"([0-9a-f]+)-([0-9a-f]+) rw.* 0 *(\[heap\])?$", line)
            if found:
                begin, end = (int(place, 16) for place in found.groups()[:2])
                memory.seek(begin)
                parts.append(memory.read(end - begin))
    return b"".join(parts)


CANARIES = (b"canary-4711", b"48.152342", b"48.1523")
"""An id and a marker that one patient of one hospital has; the marker also cut short."""


def plant(ground: Ground) -> Any:
    """Put them into the first row of the second hospital's extract."""
    site = ground.sites[1]
    extract = ground.folder / site / "extract.csv"
    row = extract.read_text().splitlines()[1]
    patient, age, _, *rest = row.split(",")
    planted = ",".join((CANARIES[0].decode(), age, CANARIES[1].decode(), *rest))
    replace_text(extract, row, planted)
    assert patient not in planted
    return site


def test_no_value_of_a_record_is_anywhere_but_in_the_extract(ground: Ground) -> None:
    """Through a run with deaths, a refusal over changed rows, and rows that break the plan."""
    site = plant(ground)
    extract = ground.folder / site / "extract.csv"
    made = cluster(ground, [Death(OfficePoint.REPLY_RECEIVED, 4)], {site: [Death(Point.COMPUTED)]})
    with running(made) as (_, journal):
        made.until_published(journal)
        extract.write_text(extract.read_text() + extract.read_text().splitlines()[1] + "\n")
        again = ground.start(journal.store)
        made.until(lambda: again.row().code == "refused")
        made.sites[site].signal(signal.SIGKILL)  # a patient twice: it does not start any more
        made.until(lambda: bool(made.sites[site].ends and made.sites[site].ends[-1] == 1))
        made.stop()
    binary = {np.array([float(CANARIES[1])]).tobytes()}
    holding = [
        path.relative_to(ground.folder)
        for path in files(ground.folder)
        if found_in(path.read_bytes(), {*CANARIES, *binary})
    ]
    assert holding == [Path(site, "extract.csv")]
    log = (ground.folder / site / "node.log").read_text().splitlines()
    assert {json.loads(line)["event"] for line in log} >= {"answered", "run-resumed", "refused"}


def test_what_a_broken_extract_says_on_screen_names_no_value(
    ground: Ground,
) -> None:
    site = plant(ground)
    extract = ground.folder / site / "extract.csv"
    replace_text(extract, CANARIES[1].decode(), "48.1523x42")
    made = cluster(ground)
    made.sites[site].start()
    try:
        made.until(lambda: bool(made.sites[site].ends))
    finally:
        made.stop()
    said = screen(ground.site_file(site)).read_bytes()
    assert b"marker" in said
    assert not found_in(said, set(CANARIES))
    assert made.sites[site].ends[0] == 1
