"""Makes a hospital's node: its settings, its state folder, its keys. Nothing leaves.

Keys are born here and never leave. What is there already is never replaced.
"""

import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from protocol.errors import Exit, FederationError, ProblemsError
from protocol.governance.federation import party_words
from protocol.governance.identity import identity_public
from protocol.ids import SiteId, site_id
from site_node.config import SiteConfig, read_config
from site_node.folder import SEED_SIZE, make_folder, write_private

NOT_YET = "coordinator.example.org:7443"
"""Stands for the coordinator's address until the hospital joins."""

_TEMPLATE = """\
# The settings of this hospital's node; deploy/site.example.toml explains every key.
site = {site}
name = {name}
state = {state}

[coordinator]
address = {address}

[data]
extract = {extract}
{mapping}
# Plans that this hospital takes part in: `riskset-site prepare PLAN` adds them below.
# Hospitals whose key was compared by telephone: `riskset-site pin ID WORDS` adds them below.
"""


class SetupError(FederationError):
    """A node cannot be set up as asked."""

    code = "setup"
    exit = Exit.USAGE
    fix = "name another file with --config, or go on with the node that is there"


@dataclass(frozen=True)
class Identity:
    """A hospital's id, its public identity key (32 bytes), and the six words of it."""

    site: SiteId
    public: bytes

    @property
    def words(self) -> str:
        """What the hospital's people read out over the telephone."""
        return party_words(self.public)


def init(
    config: Path,
    site: str,
    name: str,
    *,
    address: str = NOT_YET,
    extract: str = "extract.csv",
    mapping: str | None = None,
    random: Callable[[int], bytes] = os.urandom,
) -> Identity:
    """Make the settings, the state folder and the keys of a node.

    The settings are written last: a file that is there means that all of it is. `random` gives
    so many secret bytes; anything but the system's own is for demonstrations.

    Raises
    ------
    SetupError
        If there are settings already, the id is none, or the mapping is no file.
    """
    if config.exists():
        raise SetupError(f"{config}: is there already")
    if mapping and not (config.parent / mapping).is_file():
        made = "write it first: riskset-site data EXTRACT PLAN --out FILE"
        raise SetupError(f"{config.parent / mapping}: is no file", made)
    own = _own_id(site)
    text = _TEMPLATE.format(
        site=_quoted(own),
        name=_quoted(name),
        state=_quoted("state"),
        address=_quoted(address),
        extract=_quoted(extract),
        mapping=f"mapping = {_quoted(mapping)}\n" if mapping else "",
    )
    config.parent.mkdir(parents=True, exist_ok=True)
    folder = make_folder(config.absolute().parent / "state")
    for path in (folder.identity, folder.secret):
        if not path.exists():
            write_private(path, random(SEED_SIZE))
    _write(config, text)
    return Identity(own, identity_public(folder.seed(folder.identity)))


def identity_of(config: SiteConfig) -> Identity:
    """Read which key a node has.

    Raises
    ------
    FolderError
        If there is none, or others may read it.
    """
    folder = make_folder(config.state)
    return Identity(config.site, identity_public(folder.seed(folder.identity)))


def set_address(config: Path, address: str) -> None:
    """Write the coordinator's address into the settings; everything else stays as it was.

    Raises
    ------
    ProblemsError
        If the file is no settings or the address is none.
    SetupError
        If the file says the address in a way that is not found.
    """
    text = config.read_text(encoding="utf-8-sig")
    begun = re.search(r"(?m)^\[coordinator\][^\n]*$", text)
    line = begun and re.compile(r"(?m)^address\s*=.*$").search(text, begun.end())
    if not line:
        raise SetupError(
            f"{config}: has no address under [coordinator]",
            f"write it there: address = {_quoted(address)}",
        )
    changed = f"{text[: line.start()]}address = {_quoted(address)}{text[line.end() :]}"
    _replace(config, text, changed)


def add_table(config: Path, table: str, values: dict[str, str]) -> None:
    """Add an entry such as `[[plans]]` at the end of the settings, if it makes good settings.

    Raises
    ------
    ProblemsError
        If the settings would break a rule with it; the file is as it was.
    """
    text = config.read_text(encoding="utf-8-sig")
    lines = "".join(f"{key} = {_quoted(value)}\n" for key, value in values.items())
    _replace(config, text, f"{text.rstrip()}\n\n[[{table}]]\n{lines}")


def change_words(config: Path, site: str, words: str) -> None:
    """Write other words for a hospital that is known already.

    Raises
    ------
    ProblemsError
        If the file is no settings or the words are none; it is as it was then.
    SetupError
        If the hospital is not known, or the file says it in a way that is not found.
    """
    text = config.read_text(encoding="utf-8-sig")
    entry = rf"(?m)^(\[\[known_sites\]\]\s+id\s*=\s*{re.escape(_quoted(site))}\s+words\s*=).*$"
    found = re.search(entry, text)
    if not found:
        raise SetupError(
            f"{config}: knows no words of {site}", "pin them for the first time, without --again"
        )
    changed = f"{found[1]} {_quoted(words)}"
    _replace(config, text, f"{text[: found.start()]}{changed}{text[found.end() :]}")


def _replace(config: Path, before: str, after: str) -> None:
    """Put a new text in the settings' place, once it reads as settings."""
    trial = config.with_name(f"{config.name}.new")
    if after == before:
        return
    try:
        trial.write_text(after, encoding="utf-8", newline="\n")
        read_config(trial)
        trial.replace(config)
    except ProblemsError as error:
        # People know the file by its own name; the trial's is gone in a moment.
        raise ProblemsError(str(config), error.problems) from None
    finally:
        trial.unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    other = path.with_name(f"{path.name}.new")
    try:
        other.write_text(text, encoding="utf-8", newline="\n")
        read_config(other)
        # Linked and not renamed, so that settings that came meanwhile are not replaced.
        os.link(other, path)
    except FileExistsError:
        raise SetupError(f"{path}: is there already") from None
    finally:
        other.unlink(missing_ok=True)


def _own_id(text: str) -> SiteId:
    try:
        return site_id(text)
    except ValueError as error:
        raise SetupError(str(error), "choose a short id, such as H1 or lyon") from None


def _quoted(text: str) -> str:
    """Write text as TOML's basic string; JSON's escapes are a part of TOML's."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
