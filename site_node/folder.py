"""The state folder of a node: its keys, its ledger, and the lock that keeps a second node out.

Everything that a hospital needs to resume lies here. `runs/` holds the keys of open runs: a copy
of it opens what was sent, so backups leave it out.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_IMODE
from time import monotonic, sleep

from protocol.errors import Exit, FederationError

FOLDER_MODE = 0o700
FILE_MODE = 0o600
SEED_SIZE = 32


class FolderError(FederationError):
    """The state folder cannot be used as it is."""

    code = "state-folder"
    exit = Exit.USAGE
    fix = "let only the node's own account read and write it: chmod 700, and 600 for its files"


class LockedError(FolderError):
    """Another node works in the folder."""

    code = "state-locked"
    fix = "stop the other node first: two on one folder would answer as one hospital"


class UnavailableError(FederationError):
    """The disk does not do what it is asked. Nothing was half-written, so it may be tried again."""

    code = "unavailable"
    fix = "look for space, permissions and faults of the disk; the request comes again by itself"


@dataclass(frozen=True)
class StateFolder:
    """Where things lie in a state folder, and how they are written: at once, and synced."""

    path: Path

    @property
    def identity(self) -> Path:
        """The seed of the hospital's identity key, 32 bytes."""
        return self.path / "identity.key"

    @property
    def federation(self) -> Path:
        """The federation that the hospital trusts, as `Federation.to_bytes` writes it."""
        return self.path / "federation.json"

    @property
    def secret(self) -> Path:
        """The secret behind salts and lottery numbers, 32 bytes. It outlives runs."""
        return self.path / "secret.key"

    @property
    def ledger(self) -> Path:
        """The database of all that was said."""
        return self.path / "ledger.db"

    @property
    def runs(self) -> Path:
        """The folder of the open runs' keys, which backups leave out."""
        return self.path / "runs"

    @property
    def inbox(self) -> Path:
        """The folder of what operators decided and the ledger does not have yet."""
        return self.path / "inbox"

    @property
    def software(self) -> Path:
        """The digest of the software that the node runs, 32 bytes, as it was when it started."""
        return self.path / "software"

    @property
    def operators(self) -> Path:
        """The folder of operators' keys, where they keep them here."""
        return self.path / "operators"

    def plan(self, digest: bytes) -> Path:
        """Name the file of a plan that was proposed."""
        return self.path / "plans" / f"{digest.hex()}.json"

    def review(self, name: bytes) -> Path:
        """Name the file of what a rehearsal asked to look at, in words."""
        return self.path / "reviews" / f"{name.hex()}.json"

    @property
    def head(self) -> Path:
        """What the ledger's last line was: a ledger without it is an older copy."""
        return self.runs / "head"

    def keys(self, ctx: bytes) -> Path:
        """Name the file of one run's keys."""
        return self.runs / f"{ctx.hex()}.keys"

    def seed(self, path: Path) -> bytes:
        """Read a secret of 32 bytes.

        Raises
        ------
        FolderError
            If the file is missing, readable by others, or of another size.
        """
        _require_private(path, FILE_MODE)
        raw = path.read_bytes()
        if len(raw) != SEED_SIZE:
            raise FolderError(f"{path}: is no key of {SEED_SIZE} bytes", "join the federation anew")
        return raw


@contextmanager
def state_folder(path: Path, patience_seconds: float = 0.0) -> Iterator[StateFolder]:
    """Open a state folder for one node alone, until the block ends.

    With `patience_seconds` it is tried for so long: an operator's command holds it for a moment.

    Raises
    ------
    FolderError
        If the folder is missing, or others may read it or a key in it.
    LockedError
        If another process has it open.
    """
    _require_private(path, FOLDER_MODE)
    folder = StateFolder(path)
    for file in (folder.identity, folder.secret, folder.federation, folder.ledger):
        if file.exists():
            _require_private(file, FILE_MODE)
    lock = _locked(path / "lock", monotonic() + patience_seconds)
    try:
        _make_private(folder.runs)
        yield folder
    finally:
        os.close(lock)  # which gives the lock back


def make_folder(path: Path) -> StateFolder:
    """Make a state folder that only its owner may enter; one that is there stays as it is."""
    _make_private(path)
    return StateFolder(path)


def write_private(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file of mode 0600 whole or not at all; with `sync`, it is on disk on return.

    Raises
    ------
    UnavailableError
        If the disk refuses; the file is as it was.
    """
    other = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(other, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if sync:
                os.fsync(handle)
        other.replace(path)
        if sync:
            _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):
            other.unlink(missing_ok=True)
        raise _unavailable(path, error) from None


def delete(path: Path) -> None:
    """Delete a file so that it stays deleted; one that is gone already is fine.

    Raises
    ------
    UnavailableError
        If the disk refuses.
    """
    try:
        if path.exists():
            # Written over first, for what that is worth on a disk that moves its blocks.
            with path.open("r+b") as file:
                file.write(bytes(path.stat().st_size))
                file.flush()
                os.fsync(file.fileno())
        path.unlink(missing_ok=True)
        path.with_name(f"{path.name}.new").unlink(missing_ok=True)
        _sync_folder(path.parent)
    except OSError as error:
        raise _unavailable(path, error) from None


def _unavailable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(f"{path}: {(error.strerror or 'cannot be written').lower()}")


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    except OSError as error:
        raise _unavailable(path, error) from None


def _require_private(path: Path, mode: int) -> None:
    try:
        found = S_IMODE(path.stat().st_mode)
    except OSError:
        fix = "join a federation first, or say in site.toml where its state lies"
        raise FolderError(f"{path}: is not there or may not be read", fix) from None
    if found & ~mode:
        raise FolderError(f"{path}: others may read or write it (mode {found:o}, not {mode:o})")


def _locked(path: Path, until: float) -> int:
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    except OSError as error:
        raise _unavailable(path, error) from None
    try:
        _wait_for(handle, until)
    except OSError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "unknown"
        os.close(handle)
        raise LockedError(f"{path.parent}: the node with process id {holder} works here") from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode("ascii"), 0)
    return handle


def _wait_for(handle: int, until: float) -> None:
    while True:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if monotonic() >= until:
                raise
            sleep(0.05)
        else:
            return


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
