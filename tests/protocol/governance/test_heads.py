"""Heads of ledgers: what is signed, and how two of one hospital stand to each other."""

import pytest

from protocol.governance.heads import LedgerHead, Since, since
from protocol.governance.identity import identity_public
from protocol.ids import SiteId
from protocol.wire import federation_pb2 as pb
from protocol.wire.encoding import MessageError
from protocol.wire.heads import MOST_HEADS, head_messages, heads_of
from tests.protocol.governance.parties import seed

A = SiteId("a")


def head(lines: int, digest: str = "line", site: SiteId = A) -> LedgerHead:
    return LedgerHead(site, lines, seed(digest)).sign(seed(site))


def test_a_head_is_its_hospitals_for_that_line_alone() -> None:
    key = identity_public(seed("a"))
    good = head(7)
    assert good.is_signed_by(key)
    assert not good.is_signed_by(identity_public(seed("b")))
    for other in (head(8), head(7, "other")):
        moved = LedgerHead(A, other.lines, other.digest, good.signature)
        assert not moved.is_signed_by(key)
    assert not LedgerHead(SiteId("b"), 7, good.digest, good.signature).is_signed_by(key)


@pytest.mark.parametrize(("lines", "size"), [(0, 32), (-1, 32), (2**63, 32), (1, 31), (1, 0)])
def test_what_is_no_head_is_refused(lines: int, size: int) -> None:
    with pytest.raises(ValueError, match="a ledger's head"):
        LedgerHead(A, lines, bytes(size))


@pytest.mark.parametrize(
    ("held", "told", "how"),
    [
        (None, head(1), Since.NEWER),
        (head(1), head(2), Since.NEWER),
        (head(2), head(2), Since.SAME),
        (head(3), head(2), Since.OLDER),
        (head(2), head(2, "other"), Since.FORKED),
    ],
)
def test_how_two_heads_stand(held: LedgerHead | None, told: LedgerHead, how: Since) -> None:
    assert since(held, told) is how


def test_heads_travel_whole_and_not_too_many() -> None:
    told = (head(1), head(9, site=SiteId("b")))
    assert heads_of(head_messages(told)) == told
    with pytest.raises(MessageError, match="is none"):
        heads_of([pb.LedgerHead(site="a", lines=0, digest=bytes(32))])
    with pytest.raises(MessageError, match="is none"):
        heads_of([pb.LedgerHead(site="no id", lines=1, digest=bytes(32))])
    with pytest.raises(MessageError, match="more than"):
        heads_of(head_messages([head(1)] * (MOST_HEADS + 1)))
