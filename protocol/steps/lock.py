"""Lock: every hospital has loaded its extract, and the masks are shown to cancel."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from protocol.canonical import DIGEST_SIZE
from protocol.cohort import Cohort, snapshot_commitment
from protocol.errors import Exit, FederationError
from protocol.ids import SiteId
from protocol.layout import Layout, Release
from protocol.question import Key, Opened


class CommitmentError(FederationError):
    """A public statement is not what it has to be."""

    code = "commitment"
    exit = Exit.TAMPERING
    fix = "abort the run and ask the hospital named what its node has sent"


def statements(opened: Opened, what: str, size: int) -> Mapping[SiteId, bytes]:
    """Collect what every hospital says in public, `size` bytes each, in the order of ids.

    Raises
    ------
    CommitmentError
        If one is silent: whoever may keep silent after the others have spoken chooses between
        two outcomes. If one has another size, or repeats another's: each is made from a secret
        of the hospital's own, so a copy commits to nothing that its sender knows.
    """
    speakers: dict[bytes, SiteId] = {}
    for site in sorted(opened.sites):
        said = opened.statements.get(site)
        if said is None:
            raise CommitmentError(f"{site}: {what} is missing")
        if len(said) != size:
            raise CommitmentError(f"{site}: {what} is not {size} bytes")
        if said in speakers:
            raise CommitmentError(f"{speakers[said]} and {site}: {what} is the same from both")
        speakers[said] = site
    return {site: said for said, site in speakers.items()}


@dataclass(frozen=True)
class Lock:
    """No patient data: a salted commitment to the extract, and the lanes that show agreement.

    Asked alone, so that a hospital lost here costs nothing.
    """

    name: ClassVar[str] = "lock/1"
    partners_only: ClassVar[bool] = False

    def key(self) -> Key:
        """One lock a study."""
        return ()

    def layout(self) -> Layout:
        """Nothing but the protocol's own lanes."""
        return Layout(())

    def local(self, cohort: Cohort) -> Release:  # noqa: ARG002 - no patient data, that is the point
        """Release nothing. Run by a hospital."""
        return {}

    def statement(self, cohort: Cohort) -> bytes:
        """Commit to the extract (SPEC 8)."""
        return snapshot_commitment(cohort)

    def learn(self, opened: Opened) -> Mapping[SiteId, bytes]:
        """Collect the commitments by hospital. Run by everyone."""
        return statements(opened, "the commitment to the extract", DIGEST_SIZE)
