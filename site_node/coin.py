"""One study, one coin: commitments are compared with those of earlier runs (SPEC 8.4)."""

from collections.abc import Iterable, Mapping

from protocol.canonical import digest, lp
from protocol.ids import SiteId, site_id
from protocol.play import Answers
from protocol.secagg.messages import Result
from protocol.steps.coin import CoinTerms
from protocol.steps.flow import Flow
from protocol.wire import codec
from site_node.course import parts_of
from site_node.evidence import CoinError
from site_node.ledger import Entry, Kind, Line


def coin_entries(result: Result, answers: Answers, before: Iterable[Line]) -> tuple[Entry, ...]:
    """Write down to which shares the hospitals commit in a trip, if they do; once for a study.

    Parameters
    ----------
    answers
        What the trip came to, added up here.
    before
        The ledger's lines of earlier commitments.

    Raises
    ------
    CoinError
        If one differs from that of an earlier run of the same plan, roster and extracts.
    """
    for answer in answers:
        if isinstance(answer.step, Flow):
            terms, now = answer.step.terms, answer.learnt.coin_commitments
            bound = _bound(terms)
            then = _then(bound, before)
            if then is None:
                flat = (part for site, said in sorted(now.items()) for part in (site, said))
                return (Entry(Kind.COIN, result.ctx, result.trip, lp(bound, *flat)),)
            _require_same(result, then, now)
    return ()


def _bound(terms: CoinTerms) -> bytes:
    """Name what a coin is bound to: plan, roster, all extracts."""
    extracts = (part for site, said in terms.extracts for part in (site, said))
    return digest("coin-terms", terms.plan_digest, terms.roster_digest, *extracts)


def _then(bound: bytes, before: Iterable[Line]) -> Mapping[SiteId, bytes] | None:
    for line in before:
        name, *flat = parts_of(line.body or b"")
        if name == bound:
            pairs = zip(flat[::2], flat[1::2], strict=True)
            return {site_id(site.decode("ascii")): said for site, said in pairs}
    return None


def _require_same(
    result: Result, then: Mapping[SiteId, bytes], now: Mapping[SiteId, bytes]
) -> None:
    for site, said in now.items():
        if then.get(site) != said:
            raise CoinError(
                f"{site}: commits to another share of the coin than in an earlier run of the "
                "same plan, roster and extracts",
                result.ctx,
                result.trip,
                then.get(site, b""),
                codec.encode_result(result),
            )
