"""What a process uses, as the kernel counts it (Linux, proc(5))."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def memory_of(pid: int | None = None, *, peak: bool = False) -> int:
    """Read the bytes of memory that a process holds now, or held at the most."""
    field = "VmHWM:" if peak else "VmRSS:"
    lines = (_proc(pid) / "status").read_text(encoding="ascii", errors="replace").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(field))


def processor_seconds(pid: int | None = None) -> float:
    """Read the processor time that a process has taken so far."""
    fields = (_proc(pid) / "stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2]
    user, system = fields.split()[11:13]
    return (int(user) + int(system)) / _TICKS


def _proc(pid: int | None) -> Path:
    return Path("/proc", "self" if pid is None else str(pid))
