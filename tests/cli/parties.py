"""Commands of centre and hospital as tests type them, and a centre that serves meanwhile."""

import io
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any
from unittest.mock import patch

from coordinator.config import read_config
from riskset.cli import main as riskset
from riskset.serving import serve_centre
from site_node.cli import main as riskset_site

MAINS: dict[str, Callable[[], None]] = {"riskset": riskset, "riskset-site": riskset_site}


@dataclass(frozen=True)
class Said:
    """What a command wrote, and its exit status."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it wrote for scripts."""
        assert self.status == 0, self.err
        return json.loads(self.out)

    @property
    def code(self) -> str:
        """The stable code of an error in JSON."""
        return str(json.loads(self.err)["error"]["code"])


def typed(*words: str | Path, keys: str = "") -> Said:
    """Type a command in this process; `keys` come from a file and not from a terminal."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", [str(word) for word in words]),
        patch.object(sys, "stdin", io.StringIO(keys)),
        redirect_stdout(out),
        redirect_stderr(err),
    ):
        try:
            MAINS[str(words[0])]()
        except SystemExit as ended:
            status = int(ended.code or 0)
    return Said(status, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Centre:
    """A centre that serves: where its settings and the authority's keys lie, and its port."""

    config: Path
    authority: Path
    port: int
    words: str

    @property
    def address(self) -> str:
        """Where hospitals dial."""
        return f"https://localhost:{self.port}"

    def type(self, *words: str | Path, keys: str = "") -> Said:
        """Type a command of `riskset` there."""
        return typed("riskset", *words, "--config", self.config, keys=keys)

    def invite(self, label: str) -> str:
        """Make an invitation."""
        return str(self.type("invite", label, "--format", "json").json["code"])


def founded(folder: Path) -> tuple[Path, Path, str]:
    """Found a centre: its settings, its authority's folder, its words."""
    where: list[str | Path] = [
        "--host",
        "localhost",
        "--authority",
        folder / "keys",
        "--format",
        "json",
    ]
    made = typed("riskset", "init", folder / "centre", "--name", "Trial", *where).json
    config = Path(made["config"])
    text = config.read_text("utf-8").replace("0.0.0.0:8443", "127.0.0.1:0")
    config.write_text(text, encoding="utf-8")
    return config, folder / "keys", made["words"]


@contextmanager
def serving(folder: Path) -> Iterator[Centre]:
    """Found a centre and serve it until the block ends."""
    config, authority, words = founded(folder)
    stopped, ready, ports = Event(), Event(), list[int]()

    def listening(port: int) -> None:
        ports.append(port)
        ready.set()

    def serve() -> None:
        serve_centre(read_config(config), stopped, tell=lambda _: None, listening=listening)

    thread = Thread(target=serve, name="centre")
    thread.start()
    try:
        assert ready.wait(60)
        yield Centre(config, authority, ports[0], words)
    finally:
        stopped.set()
        thread.join()


def node(folder: Path, site: str) -> Path:
    """Set a hospital's node up; gives its settings."""
    folder.mkdir()
    config = folder / "site.toml"
    made = typed("riskset-site", "init", site, "--name", site.title(), "--config", config)
    assert made.status == 0, made.err
    return config


def join(centre: Centre, config: Path, code: str, words: str | None = None) -> Said:
    """Join by an invitation; the words are the right ones unless others are given."""
    said: list[str | Path] = [
        "--words",
        words or centre.words,
        "--config",
        config,
        "--format",
        "json",
    ]
    return typed("riskset-site", "join", centre.address, "--invite", code, *said)
