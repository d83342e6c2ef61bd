"""What a rehearsal asks to look at, kept in the state folder: a rehearsal takes as long as a run.

Kept are sentences without a number of patients, under a name that plan, files, own limits and
software make together: whatever changes one of them has the study rehearsed anew.
"""

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

from protocol.canonical import canonical_json, digest
from protocol.disclosure_site import Tighter
from protocol.plan.digest import plan_digest
from site_node.data.snapshot import Snapshot
from site_node.folder import FOLDER_MODE, StateFolder, UnavailableError, write_private

Found = tuple[str, ...]


def kept_or(
    folder: StateFolder,
    snapshot: Snapshot,
    own: Tighter,
    software: bytes,
    look: Callable[[], Found],
) -> Found:
    """Give what is kept of these rows, or look and keep it.

    `software` is the digest of what would run, 32 bytes. `look` must name no number of patients.

    Raises
    ------
    FederationError
        As `look` does.
    """
    limits = canonical_json(asdict(own))
    name = digest("review", plan_digest(snapshot.plan), snapshot.digest, limits, software)
    path = folder.review(name)
    kept = _read(path)
    if kept is None:
        kept = look()
        # Only time is lost where the disk does not take it.
        with suppress(OSError, UnavailableError):
            path.parent.mkdir(mode=FOLDER_MODE, exist_ok=True)
            write_private(path, canonical_json({"review": list(kept)}))
    return kept


def _read(path: Path) -> Found | None:
    """Read what is kept; a file that is damaged counts as none."""
    try:
        found = json.loads(path.read_bytes())["review"]
    except (OSError, KeyError, TypeError, ValueError, RecursionError):
        return None
    whole = isinstance(found, list) and all(isinstance(item, str) for item in found)
    return tuple(found) if whole else None
