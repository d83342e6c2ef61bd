"""The invariants I1-I7 of a run, read from all that its processes left on disk.

- I1 one upload of each hospital to a step, ever: in its ledger, in the journal, on arrival;
- I2 no reply arrives that is not in its hospital's ledger at that moment;
- I3 the published sums are those of the same study in one process, to the last digit;
- I4 every answer that arrived is in the ledger, and every answer in the ledger is signed by it;
- I5 the office has masked words only (`tests/federation/wire`);
- I6 the run came to its end, and no key is left anywhere (the wait is `Cluster.until`'s);
- I7 what is refused stays refused (`test_ends.py`).
"""

import json
from collections.abc import Iterator
from typing import Any

from coordinator.journal import Journal, Kind
from protocol.ids import SiteId
from protocol.requests import Done
from protocol.secagg.messages import KeyShare, MaskedVector, Reply
from protocol.wire import codec
from site_node.course import parts_of
from site_node.ledger import Kind as Line
from site_node.ledger import Ledger
from tests.federation.crash.ground import Ground
from tests.federation.crash.lives import rows


def require_sound(ground: Ground, journal: Journal, sums: Any) -> None:
    """Hold a finished run to all of them. Every process has ended."""
    assert json.loads(published(ground, journal)) == sums  # I3
    written = {site: answers(ground, site) for site in ground.sites}
    arrived: dict[SiteId, set[bytes]] = {site: set() for site in ground.sites}
    for site, reply, kept in arrivals(ground):
        assert kept, f"{site}: a reply came before its line"  # I2
        arrived[site].add(reply)
    for site, said in written.items():
        assert arrived[site] <= said  # I4
        require_one_upload_a_step(said | arrived[site])  # I1
        assert journalled(journal, site) <= said
        assert said - arrived[site] == set(), "an answer was written, and never asked for again"
        require_closed(ground, site)


def require_one_upload_a_step(said: set[bytes]) -> None:
    steps = [vector.step for reply in said for vector in vectors(reply)]
    assert len(steps) == len(set(steps)) > 0


def require_closed(ground: Ground, site: SiteId) -> None:
    """See that a hospital's run is over, its keys are gone, and its ledger is whole."""
    state = ground.state(site)
    assert sorted(path.name for path in state.runs.iterdir()) == ["head"]
    opened = Ledger.open(state.ledger, state.head)  # verifies every line
    try:
        assert len(opened.places(Line.CLOSED)) == len(opened.places(Line.OPENED))
    finally:
        opened.close()


def answers(ground: Ground, site: SiteId) -> set[bytes]:
    """List every answer that a hospital gave, as its ledger has them."""
    place = {Line.OPENED: 1, Line.RELEASE: 1, Line.CLOSED: 0}
    found = rows(ground.state(site).ledger, "SELECT kind, body FROM entries")
    return {parts_of(body)[place[kind]] for kind, body in found if kind in place}


def arrivals(ground: Ground) -> Iterator[tuple[SiteId, bytes, bool]]:
    """Read what came to the office over the network, refusals aside."""
    with ground.tap.open() as tap:
        for line in tap:
            noted = json.loads(line)
            reply = bytes.fromhex(noted["reply"])
            if isinstance(codec.decode_reply(reply), KeyShare | Reply | Done):
                yield SiteId(noted["site"]), reply, noted["kept"]


def journalled(journal: Journal, site: SiteId) -> set[bytes]:
    """List a hospital's answers in the journal."""
    kept: set[bytes] = set()
    for kind in (Kind.REPLY, Kind.DONE, Kind.ENDED):
        for trip in range(journal.row().trip + 1):
            kept |= {raw for who, raw in journal.bodies(kind, trip).items() if who == site}
    return kept


def vectors(raw: bytes) -> tuple[MaskedVector, ...]:
    said = codec.decode_reply(raw)
    return said.vectors if isinstance(said, Reply) else ()


def published(ground: Ground, journal: Journal) -> bytes:
    return (ground.office.out / f"{journal.run_id.hex()}.json").read_bytes()
