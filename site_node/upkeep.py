"""What an operator does to a node's state: a new identity, and forgetting a study.

The node must not be running: callers hold the folder's lock.
"""

from collections.abc import Callable

from protocol.canonical import canonical_json, lp
from protocol.errors import Exit, FederationError
from protocol.governance.identity import identity_public
from protocol.requests import Done
from site_node.course import Opening, closed_entry, parts_of
from site_node.folder import SEED_SIZE, StateFolder, delete, write_private
from site_node.ledger import Entry, Kind, Ledger, RolledBackError
from site_node.past import openings, runs_of_plan

NEW_IDENTITY = "new-identity"
FORGOTTEN = "forgotten"

_FORGETTABLE = (Kind.KEYED, Kind.RELEASE, Kind.RESULT, Kind.REFUSED)
"""What goes with a study. How its runs began and ended stays, and the coin: rules L and Q and the
promise of one coin hang on them. So does evidence, which holds no vector."""


class OpenRunsError(FederationError):
    """There are runs that would be lost."""

    code = "open-runs"
    exit = Exit.USAGE
    fix = "ask the coordinating centre to finish or abort them first"


def rotate_identity(
    folder: StateFolder,
    ledger: Ledger,
    random: Callable[[int], bytes],
    *,
    abandon: bool = False,
) -> bytes:
    """Make a new identity key in the place of the old one; returns its public half, 32 bytes.

    Nobody knows it yet: the roster authority has to sign a roster with it, and other hospitals
    have to compare its words. With `abandon`, open runs end and their keys go: the way out for a
    node whose ledger was an older copy.

    Raises
    ------
    OpenRunsError
        If a run is open, which the old key belongs to.
    UnavailableError
        If the disk refuses; the old key then stays.
    """
    if abandon:
        _abandon(folder, ledger)
    _require_no_run(ledger)
    seed = random(SEED_SIZE)
    write_private(folder.identity, seed)
    public = identity_public(seed)
    ledger.append(Entry(Kind.NOTE, body=lp(NEW_IDENTITY, public)))
    return public


def forget_study(ledger: Ledger, study: str) -> int:
    """Delete what was sent and learnt in a study's runs; says how many runs those were.

    The lines stay in the chain, by their digests. Uploads cannot be sent again afterwards.

    Raises
    ------
    OpenRunsError
        If a run of the study is open.
    UnavailableError
        If the disk refuses.
    """
    _require_no_run(ledger, study)
    runs = [o.run.ctx for o in openings(ledger) if o.run.roster.study == study]
    for ctx in runs:
        ledger.erase(ctx, *_FORGETTABLE)
    if runs:
        ledger.append(Entry(Kind.NOTE, body=lp(FORGOTTEN, canonical_json(study))))
    return len(runs)


def was_rolled_back(ledger: Ledger) -> bool:
    """Say whether an answer was found that the ledger lacks, and no new identity made since."""
    found = False
    for line in ledger.lines(None, Kind.EVIDENCE, Kind.NOTE):
        match line.kind, parts_of(line.body or b"")[:1]:
            case Kind.EVIDENCE, (code,):
                found = found or code == RolledBackError.code.encode()
            case Kind.NOTE, (note,) if note == NEW_IDENTITY.encode():
                found = False
    return found


def _abandon(folder: StateFolder, ledger: Ledger) -> None:
    """End all open runs, as the holder of the old key."""
    old = folder.seed(folder.identity)
    for opening in _open(ledger):
        ctx, site = opening.run.ctx, opening.share.site
        delete(folder.keys(ctx))
        runs = runs_of_plan(ledger, opening.run.plan_digest)
        done = Done(site, ctx, "aborted", b"", runs).sign(old)
        ledger.append(closed_entry(done, "the identity was replaced"))


def _require_no_run(ledger: Ledger, study: str | None = None) -> None:
    still = [o.name for o in _open(ledger) if study in (None, o.run.roster.study)]
    if still:
        raise OpenRunsError(f"runs are open: {', '.join(still)}")


def _open(ledger: Ledger) -> list[Opening]:
    closed = {ctx for ctx, _ in ledger.places(Kind.CLOSED)}
    return [opening for opening in openings(ledger) if opening.run.ctx not in closed]
