"""Folders that become read-only for one process, whoever it runs as: root obeys no file mode.

The process enters namespaces of its own and mounts folders on themselves; from outside, they are
then mounted anew with other rights, and nobody else sees anything of it.
"""

import ctypes
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

_NEW_MOUNTS, _NEW_USER = 0x00020000, 0x10000000  # linux/sched.h
_BIND, _RECURSIVE, _PRIVATE = 4096, 16384, 1 << 18  # linux/mount.h
_REMOUNT, _READ_ONLY = 32, 1
_KEPT = {"nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV, "noexec": os.ST_NOEXEC}
"""What a mount has to keep that was made by others; its bits are those of a mounting, too."""


def mounted_on_itself(folders: Sequence[Path], read_only: Sequence[Path]) -> None:
    """Give this process, which has one thread yet, mounts of its own on some folders."""
    user, group = os.getuid(), os.getgid()
    _require(_LIBC.unshare(_NEW_USER | _NEW_MOUNTS))
    own = Path("/proc/self")
    (own / "setgroups").write_text("deny")
    (own / "uid_map").write_text(f"{user} {user} 1")
    (own / "gid_map").write_text(f"{group} {group} 1")
    _mount("none", Path("/"), _RECURSIVE | _PRIVATE)
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
        _mount(str(folder), folder, _BIND)
    for folder in read_only:
        kept = os.statvfs(folder).f_flag & sum(_KEPT.values())
        _mount("none", folder, _REMOUNT | _BIND | _READ_ONLY | kept)


def remounted(process: int, folder: Path, rights: str) -> None:
    """Mount a folder anew for a process that has it mounted on itself: `ro` or `rw`."""
    there = ("nsenter", f"--target={process}", "--user", "--mount", "--preserve-credentials")
    kept = [name for name, bit in _KEPT.items() if os.statvfs(folder).f_flag & bit]
    anew = ("mount", "-o", ",".join(("remount", "bind", rights, *kept)), str(folder))
    subprocess.run((*there, *anew), check=True, capture_output=True)


def _mount(source: str, folder: Path, flags: int) -> None:
    _require(_LIBC.mount(source.encode(), bytes(folder), None, flags, None))


def _require(result: int) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


_LIBC = ctypes.CDLL(None, use_errno=True)
