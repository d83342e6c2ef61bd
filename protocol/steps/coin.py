"""The public coin: drawn by all hospitals together, before anybody knows what it will decide.

At `flow` every hospital commits to its share, at `coin` it shows the share. Shares are derived
from a secret of the hospital and from (plan, roster, all extracts), so that the same study has
the same coin in every run and aborting redraws nothing (SPEC 8).
"""

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from protocol.canonical import DIGEST_SIZE, digest, lp
from protocol.cohort import Cohort
from protocol.ids import SiteId
from protocol.layout import Layout, Release
from protocol.question import Key, Opened
from protocol.steps.lock import CommitmentError, statements

SHARE_SIZE = 32


@dataclass(frozen=True)
class CoinTerms:
    """What the coin is bound to: plan, roster, and the commitments to all extracts."""

    plan_digest: bytes
    roster_digest: bytes
    extracts: tuple[tuple[SiteId, bytes], ...]

    def share(self, cohort: Cohort) -> bytes:
        """Derive the hospital's share of the coin, r_i."""
        return cohort.keyed("coin", *self._bound())

    def patients_key(self, cohort: Cohort) -> bytes:
        """Derive the secret that hides the hospital's lottery numbers, p_i; it never leaves."""
        return cohort.keyed("patient", *self._bound())

    def commitment(self, cohort: Cohort) -> bytes:
        """Commit to both: C_i = H("coin", r_i, H("lot", p_i))."""
        return digest("coin", self.share(cohort), self._lot(cohort))

    def shown(self, cohort: Cohort) -> bytes:
        """Show the share, with the digest of the other secret so that the commitment opens."""
        return self.share(cohort) + self._lot(cohort)

    def _lot(self, cohort: Cohort) -> bytes:
        return digest("lot", self.patients_key(cohort))

    def _bound(self) -> tuple[bytes, ...]:
        extracts = lp(*(part for site, said in self.extracts for part in (site, said)))
        return self.plan_digest, self.roster_digest, extracts


@dataclass(frozen=True)
class ShowCoin:
    """Show the committed shares; the coin is their hash, K = H("coin", r_1, ..., r_n)."""

    name: ClassVar[str] = "coin/1"
    partners_only: ClassVar[bool] = False
    terms: CoinTerms
    commitments: Mapping[SiteId, bytes]

    def key(self) -> Key:
        """One coin a study."""
        return ()

    def layout(self) -> Layout:
        """Nothing but the protocol's own lanes."""
        return Layout(())

    def local(self, cohort: Cohort) -> Release:  # noqa: ARG002 - the coin is public
        """Release nothing. Run by a hospital."""
        return {}

    def statement(self, cohort: Cohort) -> bytes:
        """Show the share and the digest of the patients' key."""
        return self.terms.shown(cohort)

    def learn(self, opened: Opened) -> bytes:
        """Check every share against its commitment and toss the coin. Run by everyone.

        Raises
        ------
        CommitmentError
            If a hospital shows no share, or one that it had not committed to: it would be
            choosing the coin after seeing the others'.
        """
        found = statements(opened, "the coin share", SHARE_SIZE + DIGEST_SIZE)
        for site, shown in found.items():
            committed = digest("coin", shown[:SHARE_SIZE], shown[SHARE_SIZE:])
            if committed != self.commitments.get(site):
                raise CommitmentError(f"{site}: the coin share is not the one committed to")
        return digest("coin", *(shown[:SHARE_SIZE] for shown in found.values()))


def lottery_numbers(
    coin: bytes, key_number: int, cohort: Cohort, patients_key: bytes, rows: NDArray[np.intp]
) -> NDArray[np.uint64]:
    """Draw the lottery numbers of some patients for one key, shape (len(rows),).

    u = first 64 bits of HMAC(K, lp(key number, site, v)), v = HMAC(p_i, patient id). Without p_i
    the numbers say nothing about guessable ids.
    """
    number = key_number.to_bytes(4, "little")
    drawn = np.empty(len(rows), dtype=np.uint64)
    for position, row in enumerate(rows):
        hidden = hmac.digest(patients_key, bytes(cohort.ids[row]), "sha256")
        ticket = hmac.digest(coin, lp(number, cohort.site, hidden), "sha256")
        drawn[position] = int.from_bytes(ticket[:8], "big")
    return drawn
