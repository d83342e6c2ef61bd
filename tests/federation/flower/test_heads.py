"""Heads of ledgers cross a SuperLink as they cross a login over gRPC (SPEC 2.11, 12.9)."""

from protocol.canonical import digest
from protocol.governance.heads import LedgerHead
from protocol.ids import SiteId
from tests.federation.carriers.world import SITES, Heard, never, seed, soon
from tests.federation.flower.superlink import Running
from tests.federation.flower.world import node, office

H1, H2 = SITES[:2]


def head(site: SiteId, lines: int) -> LedgerHead:
    return LedgerHead(site, lines, digest("tests", "line", str(lines))).sign(seed(site))


def test_heads_are_told_and_shown_before_the_first_question(superlink: Running) -> None:
    held, own = (head(H1, 3), head(H2, 9)), (head(H1, 5), head(H2, 8))
    order: list[object] = []

    def greet(told: object) -> tuple[LedgerHead, ...]:
        order.append(told)
        return own

    def handle(request: bytes) -> bytes:
        order.append(request)
        return b"answer"

    shown: Heard[object] = Heard()
    hooks = {
        "heads_for": lambda site: held if site == H1 else (),
        "heads": lambda *told: shown(told),
    }
    with (
        office(superlink, hooks=hooks) as carrying,
        node(superlink.joined(), handle, greet=greet),
    ):
        assert list(carrying.carrier.exchange({H1: b"?"}, soon(), never)) == [(H1, b"answer")]
    assert order == [held, b"?"]
    assert shown.all == ((H1, own),)
