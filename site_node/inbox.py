"""What operators decided, on its way into the ledger: a file each, in the state folder.

The ledger has one writer. A command leaves what was decided here, synced, and the node takes it in
before it answers the next request; a node that stands still is stood in for by the command itself.
"""

import json
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from protocol.canonical import canonical_json
from site_node.folder import FOLDER_MODE, StateFolder, UnavailableError, write_private

_SUFFIX = ".item"


class ItemKind(StrEnum):
    """What an item is. Decisions are signed by their operators; the rest needs no signature."""

    PROPOSAL = "proposal"
    DECISION = "decision"
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class Item:
    """One thing that was decided: a proposal's or a decision's text, or who pauses the node."""

    kind: ItemKind
    body: str


def leave(folder: StateFolder, item: Item) -> Path:
    """Put an item behind those that wait. It is on disk on return.

    Raises
    ------
    UnavailableError
        If the disk refuses.
    """
    try:
        folder.inbox.mkdir(mode=FOLDER_MODE, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"{folder.inbox}: {(error.strerror or '').lower()}") from None
    # Named by time, so that they are taken in as they were left.
    path = folder.inbox / f"{time.time_ns():020}-{secrets.token_hex(4)}{_SUFFIX}"
    write_private(path, canonical_json({"kind": item.kind, "body": item.body}))
    return path


def waiting(folder: StateFolder) -> Iterator[tuple[Path, Item | None]]:
    """List what waits, the oldest first; None stands for a file that is no item.

    Raises
    ------
    UnavailableError
        If the disk refuses.
    """
    try:
        found = sorted(folder.inbox.glob(f"*{_SUFFIX}"))
    except OSError as error:
        raise UnavailableError(f"{folder.inbox}: {(error.strerror or '').lower()}") from None
    for path in found:
        # Another process may look on while the node takes it in.
        with suppress(FileNotFoundError):
            yield path, _read(path)


def put_aside(path: Path) -> None:
    """Keep a file that is not taken in, where it is looked for no more."""
    path.replace(path.with_suffix(".refused"))


def _read(path: Path) -> Item | None:
    try:
        value = json.loads(path.read_bytes())
        return Item(ItemKind(value["kind"]), str(value["body"]))
    except FileNotFoundError:
        raise
    except OSError as error:
        raise UnavailableError(f"{path}: {(error.strerror or '').lower()}") from None
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
