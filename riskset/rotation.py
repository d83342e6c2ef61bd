"""Gives the coordinating centre a new identity key, on the roster authority's word (SPEC 2.8).

Nobody at the centre can do it alone: the key counts once rosters that name it are signed. Until
then the old one serves. Hospitals learn of it when they log in, and need not do anything.
"""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from coordinator.config import CoordinatorConfig, read_seed
from coordinator.journal import RunRow, RunState, all_runs
from coordinator.members import newest_rosters
from coordinator.store import Store
from protocol.errors import Exit, FederationError
from protocol.governance.federation import party_words
from protocol.governance.identity import identity_public
from protocol.governance.roster import Roster, moment
from riskset.rosters import Register
from riskset.serving import read_federation
from site_node.folder import SEED_SIZE, write_private

Random = Callable[[int], bytes]


class RotationError(FederationError):
    """The coordinator's key cannot be replaced just now."""

    code = "rotation"
    exit = Exit.USAGE


@dataclass(frozen=True)
class Rotation:
    """How a change of the coordinator's key stands.

    `waits` are the drafts that the roster authority has to sign, and empty once the new key serves;
    `words` name that key.
    """

    words: str
    waits: tuple[Path, ...]


def next_key(key: Path) -> Path:
    """Name the file in which a new key waits until rosters name it."""
    return key.with_name(f"{key.stem}.next{key.suffix}")


def key_for_rosters(key: Path) -> bytes:
    """Give the public key that rosters are to name: the new one while a change is under way.

    Raises
    ------
    KeyFileError
        If the file holds no key, or others may read it.
    """
    coming = next_key(key)
    return identity_public(read_seed(coming if coming.exists() else key))


def register_of(folder: Path, settings: CoordinatorConfig, store: Store, study: str) -> Register:
    """Open the register of a study, whose further rosters name the centre's own key.

    Raises
    ------
    KeyFileError, TrustError
        If the key or the federation's file are not as they have to be.
    """
    federation = read_federation(settings)
    return Register(store, federation, folder, study, key_for_rosters(settings.key))


def rotate(
    folder: Path,
    settings: CoordinatorConfig,
    store: Store,
    *,
    now: datetime,
    abandon: bool = False,
    random: Random = os.urandom,
) -> Rotation:
    """Make a new key and drafts that name it; once those are signed, put it in the old one's place.

    `folder` is where drafts go. Done again, it goes on. Without `abandon`, no run may be open.

    Raises
    ------
    RotationError
        If no roster is in force that could name it, or runs are open that would end by it.
    """
    current = [one for one in newest_rosters(store) if now < moment(one.expires)]
    if not current:
        raise RotationError(
            "no study has a roster in force, and only a roster can name another key",
            "found the federation anew, or have a roster signed first",
        )
    if not abandon:
        _require_no_run(all_runs(store))
    coming = next_key(settings.key)
    if not coming.exists():
        write_private(coming, random(SEED_SIZE))
    public = identity_public(read_seed(coming))
    waiting = {
        roster: register_of(folder, settings, store, roster.study)
        for roster in current
        if roster.coordinator != public
    }
    for roster, register in waiting.items():
        draft = register.draft()
        # One that names the key stays: some of its signatures may be there.
        if draft is None or Roster.from_bytes(draft.payload).coordinator != public:
            register.renew(now, (moment(roster.expires) - now).days + 1)
    if not waiting:
        coming.replace(settings.key)
    return Rotation(party_words(public), tuple(one.draft_file for one in waiting.values()))


def _require_no_run(rows: Sequence[RunRow]) -> None:
    over = [row.state is RunState.ABORTED or row.published is not None for row in rows]
    still = [row.run_id.hex()[:8] for row, ended in zip(rows, over, strict=True) if not ended]
    if still:
        raise RotationError(
            f"runs are open, and end with the key: {', '.join(still)}",
            "finish or abort them first; if the key is lost or stolen, type it with --abandon",
        )
