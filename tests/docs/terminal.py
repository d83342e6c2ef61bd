"""Runs the commands as at a terminal: a screen, a keyboard, Ctrl-C; many in little time.

Each command is a process of its own, forked from a server that has loaded the libraries. It calls
the very function that the installed command calls.
"""

import fcntl
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Condition, Thread

COMMANDS = ("riskset", "riskset-site")
PATIENCE_SECONDS = 120.0
ROWS, COLUMNS = 50, 120
# The size too: whoever runs tests side by side has one in its environment.
ENVIRONMENT = {
    "NO_COLOR": "1",
    "TERM": "xterm",
    "COLUMNS": str(COLUMNS),
    "LINES": str(ROWS),
}
_LOADED = [
    "coordinator.publish",
    "protocol.forecast",
    "pytest",  # which every child would load again, as the program that it comes from
    "riskset.centre_cli",
    "riskset.commands",
    "riskset.plan_cli",
    "riskset.propose_cli",
    "riskset.roster_cli",
    "riskset.run_cli",
    "scipy.stats",
    "site_node.audit",
    "site_node.cli",
    "site_node.deciding",
    "site_node.doctor.examine",
    "site_node.joining",
    "site_node.node_cli",
    "site_node.preview.rehearsal",
    "site_node.preview.text",
    "site_node.serving",
    "site_node.upkeep",
    "sklearn.linear_model",
]
_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(_LOADED)

_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Screen:
    """One command in a window of its own."""

    def __init__(
        self, words: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._keyboard, other = os.openpty()
        _show_no_control_keys(other)
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        around = {**os.environ, **ENVIRONMENT, **(environment or {})}
        self._text, self._changed = b"", Condition()
        arguments = (list(words), str(folder), os.ttyname(other), around)
        self.process = _FORKS.Process(target=_command, args=arguments, daemon=True)
        self.process.start()
        self._reader = Thread(target=self._read, name="screen", daemon=True)
        self._reader.start()
        self._other = other

    @property
    def text(self) -> str:
        """What stands on the screen."""
        with self._changed:
            return _ANSI.sub("", self._text.decode("utf-8", "replace")).replace("\r", "")

    def wait(self, seen: Callable[[str], bool]) -> None:
        """Wait until the screen shows something.

        Raises
        ------
        TimeoutError
            If the command ends or time passes without it.
        """
        end = time.monotonic() + PATIENCE_SECONDS
        while not seen(self.text):
            alive = self.process.is_alive()
            with self._changed:
                if alive and not self._changed.wait(1.0) and time.monotonic() < end:
                    continue
            if seen(self.text):
                return
            if not alive or time.monotonic() > end:
                raise TimeoutError(self.text)

    def type(self, keys: str) -> None:
        """Press keys."""
        os.write(self._keyboard, keys.encode())

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.type("\x03")

    def end(self) -> int:
        """Wait for the end of the command; gives its exit status.

        Raises
        ------
        TimeoutError
            If it does not end.
        """
        self.process.join(PATIENCE_SECONDS)
        status = self.process.exitcode
        if status is None:
            self.process.kill()
            self.process.join()
        os.close(self._other)
        self._reader.join()
        os.close(self._keyboard)
        self.process.close()
        if status is None:
            raise TimeoutError(self.text)
        return status

    def _read(self) -> None:
        while True:
            try:
                read = os.read(self._keyboard, 65536)
            except OSError:  # nobody has the other end any more
                read = b""
            with self._changed:
                self._text += read
                self._changed.notify_all()
            if not read:
                return


def _show_no_control_keys(terminal: int) -> None:
    """Have Ctrl-C do what it does, and not be shown as `^C`."""
    attributes = termios.tcgetattr(terminal)
    attributes[3] &= ~termios.ECHOCTL
    termios.tcsetattr(terminal, termios.TCSANOW, attributes)


def _command(words: list[str], folder: str, tty: str, environment: dict[str, str]) -> None:
    """Be a command at a terminal. Run in a process of its own."""
    os.setsid()
    screen = os.open(tty, os.O_RDWR)  # which becomes the terminal of this session
    for number in range(3):
        os.dup2(screen, number)
    os.close(screen)
    sys.stdin, sys.stdout = open(0, closefd=False), open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = words
    try:
        _main(words[0])()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


def _main(name: str) -> Callable[[], None]:
    if name == "riskset":
        from riskset.cli import main  # noqa: PLC0415

        return main
    from site_node.cli import main as site_main  # noqa: PLC0415

    return site_main


def shell(line: str, folder: Path) -> str:
    """Run another program's line; gives what it writes."""
    ran = subprocess.run(
        ["sh", "-c", line],  # the line stands in our own documents
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return ran.stdout + ran.stderr
