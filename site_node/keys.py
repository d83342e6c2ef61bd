"""The keys of a run on disk: a file each, apart from the ledger and its backups (SPEC 6.6).

First the file holds this hospital's fresh secret; once all fresh keys are known, the keys that it
shares with the others, and the secret is gone.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from protocol.canonical import Json, canonical_json
from protocol.ids import SiteId, site_id
from site_node.folder import FolderError, write_private


@dataclass(frozen=True)
class RunKeys:
    """What the file of one run holds: the fresh secret, or the pairs' keys (32 bytes each)."""

    fresh: bytes = field(default=b"", repr=False)
    pairs: Mapping[SiteId, bytes] = field(default_factory=dict, repr=False)


def write_keys(path: Path, keys: RunKeys) -> None:
    """Put the file in place of the one before, synced.

    Raises
    ------
    UnavailableError
        If the disk refuses; the file is as it was.
    """
    pairs: Json = {site: key.hex() for site, key in keys.pairs.items()}
    write_private(path, canonical_json({"fresh": keys.fresh.hex(), "pairs": pairs}))


def read_keys(path: Path) -> RunKeys | None:
    """Read the file; None if it is gone, or was being deleted.

    Raises
    ------
    FolderError
        If it holds anything else.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    if not raw.strip(b"\0"):
        return None
    try:
        value = json.loads(raw)
        pairs = {site_id(site): bytes.fromhex(key) for site, key in value["pairs"].items()}
        return RunKeys(bytes.fromhex(value["fresh"]), pairs)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        fix = "move the file away: its run ends here, and the coordinating centre starts another"
        raise FolderError(f"{path}: does not hold the keys of a run", fix) from None
