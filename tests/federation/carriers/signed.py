"""Hospitals that answer signed questions with signed answers, and whoever asks them.

Less than a node and a conductor, and as strict about what a carrier may do: only the hospital's
own signed answer to the very bytes that were asked counts, and it must always be the same one.
"""

import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from coordinator.carriers import Carrier
from protocol.errors import FederationError
from protocol.governance.identity import identity_public, require_signed, sign
from protocol.ids import SiteId
from protocol.requests import OpenRun, Refusal, request_digest
from protocol.secagg.messages import MaskedVector, Reply
from protocol.wire.codec import decode_reply, decode_request, encode_reply, encode_request
from protocol.wire.encoding import MessageError
from tests.federation.carriers.world import OFFICE, SITES, never, seed, soon

ROUNDS = 20


class PowerCut(BaseException):
    """The process of a hospital ends here."""


def question(number: int = 1, size_bytes: int = 100) -> bytes:
    run = number.to_bytes(16, "big")
    opened = OpenRun(run, secrets.token_bytes(size_bytes), (), 1, "A", 1, "1")
    return encode_request(opened.sign(OFFICE))


@dataclass
class SignedHospital:
    """Keeps what it answered. What it computes is different each time, so keeping shows.

    With `dying` it answers no more than its own ledger, once.
    """

    site: SiteId
    size_bytes: int = 100
    dying: bool = False
    kept: dict[bytes, bytes] = field(default_factory=dict)
    asked: Counter[bytes] = field(default_factory=Counter)

    def handle(self, request: bytes) -> bytes:
        self.asked[request] += 1
        try:
            self._verify(request)
        except FederationError as error:
            no = Refusal(self.site, b"", request_digest(request), error.code)
            return encode_reply(no.sign(seed(self.site)))
        if request not in self.kept:
            self.kept[request] = encode_reply(self._answer(request))
        if self.dying:
            self.dying = False
            raise PowerCut
        return self.kept[request]

    def _verify(self, request: bytes) -> None:
        opened = decode_request(request)
        if not isinstance(opened, OpenRun):
            raise MessageError("another question")
        opened.verify(identity_public(OFFICE))

    def _answer(self, request: bytes) -> Reply:
        words, sd = secrets.token_bytes(self.size_bytes), request_digest(request)
        signature = sign(seed(self.site), *_parts(self.site, sd, words))
        return Reply(self.site, 1, (MaskedVector(self.site, 1, sd, words, signature),), None)


def _parts(site: SiteId, sd: bytes, words: bytes) -> tuple[bytes | str, ...]:
    return ("release", sd, site, sha256(words).digest())


def require_answer(site: SiteId, request: bytes, raw: bytes) -> None:
    """Refuse bytes that are not this hospital's answer to this question."""
    said = decode_reply(raw)
    if not isinstance(said, Reply) or len(said.vectors) != 1:
        raise MessageError("no answer")
    (vector,) = said.vectors
    sd = request_digest(request)
    require_signed(
        site, identity_public(seed(site)), vector.signature, *_parts(site, sd, vector.words)
    )


def hospitals(size_bytes: int = 100) -> dict[SiteId, SignedHospital]:
    return {site: SignedHospital(site, size_bytes) for site in SITES}


@dataclass
class Office:
    """Asks until every hospital has answered, and counts what was no answer."""

    carrier: Callable[[], Carrier]
    odd: int = 0
    repeated: int = 0

    def ask(
        self, requests: Mapping[SiteId, bytes], at_first: Callable[[], None] | None = None
    ) -> dict[SiteId, bytes]:
        """Gather the answers. `at_first` ends this office's process at the first of them."""
        answers: dict[SiteId, bytes] = {}
        for _ in range(ROUNDS):
            left = {site: request for site, request in requests.items() if site not in answers}
            if not left:
                return answers
            for site, raw in self.carrier().exchange(left, soon(), never):
                self._take(answers, requests, site, raw)
                if answers and at_first:
                    break
            if answers and at_first:
                answers.clear()
                at_first()
                at_first = None
        raise AssertionError(f"only {sorted(answers)} after {ROUNDS} rounds")

    def _take(
        self,
        answers: dict[SiteId, bytes],
        requests: Mapping[SiteId, bytes],
        site: SiteId,
        raw: bytes,
    ) -> None:
        try:
            require_answer(site, requests[site], raw)
        except FederationError:
            self.odd += 1
            return
        self.repeated += site in answers
        assert answers.setdefault(site, raw) == raw
