"""The coordinator's settings: one file, `coordinator.toml`, read once into a frozen value.

`deploy/coordinator.example.toml` explains every key. The file holds no secret: keys are files of
their own, and a database's password belongs into the file that its URL names.
"""

import os
import re
import stat
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from coordinator.asking import Patience
from protocol.errors import Exit, FederationError, Problem, ProblemsError

SEED_SIZE = 32

_HELP = "deploy/coordinator.example.toml explains every key"
_LISTEN = re.compile(r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):([0-9]{1,5})")
_WITH_PASSWORD = re.compile(r"\w+(\+\w+)?://[^/@:]*:[^/@]*@")


class KeyFileError(FederationError):
    """The coordinator's identity key is not where or what it should be."""

    code = "key-file"
    exit = Exit.USAGE
    fix = "let the file hold the key's 32 bytes, and give it mode 0600"


def _listen(text: str) -> str:
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[2]) > 65535:
        raise ValueError("has to be an address and a port, such as 0.0.0.0:8443")
    return text


def _without_password(text: str) -> str:
    if _WITH_PASSWORD.match(text):
        raise ValueError("holds a password; put it into a file and add ?passfile=PATH to the URL")
    if not text.startswith(("sqlite:///", "postgresql://", "postgresql+psycopg://")):
        raise ValueError("has to begin with sqlite:/// or postgresql://")
    return text


class _Keys(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class TlsKeys(_Keys):
    """The keys of `[tls]`."""

    certificate: str = "server.pem"
    key: str = "server.key"


class WaitingKeys(_Keys):
    """The keys of `[waiting]`."""

    hours: float = Field(default=72, gt=0, le=14 * 24, strict=False)
    tries: int = Field(default=8, ge=1, le=100)


class LimitKeys(_Keys):
    """The keys of `[limits]`."""

    runs: int = Field(default=8, ge=1, le=1000)
    message_mb: int = Field(default=64, ge=1, le=2000)
    sessions: int = Field(default=2000, ge=1)


class FlowerKeys(_Keys):
    """The keys of `[flower]`."""

    superlink: Annotated[str, AfterValidator(_listen)] = "127.0.0.1:8000"
    ca: str = ""
    superexec: str = "superexec.secret"


class FileKeys(_Keys):
    """The keys of `coordinator.toml`."""

    listen: Annotated[str, AfterValidator(_listen)] = "0.0.0.0:8443"
    carrier: Literal["grpc", "flower"] = "grpc"
    store: Annotated[str, AfterValidator(_without_password)] = "sqlite:///journal.db"
    out: str = "results"
    key: str = "coordinator.key"
    federation: str = "federation.json"
    tls: TlsKeys = TlsKeys()
    waiting: WaitingKeys = WaitingKeys()
    limits: LimitKeys = LimitKeys()
    flower: FlowerKeys = FlowerKeys()


_TABLES: Mapping[str, type[_Keys]] = {
    "tls": TlsKeys,
    "waiting": WaitingKeys,
    "limits": LimitKeys,
    "flower": FlowerKeys,
}


@dataclass(frozen=True)
class FlowerConfig:
    """Where the SuperLink is, the authority of its certificate (a PEM file), and its secret.

    Without `ca` it is the federation's own authority.
    """

    superlink: str
    ca: Path | None
    secret: Path


@dataclass(frozen=True)
class CoordinatorConfig:
    """The coordinator's settings. Paths are whole, `store` is a database URL with a whole path.

    `flower` is set where a Flower federation carries requests.
    """

    listen: str
    store: str
    out: Path
    key: Path
    federation: Path
    tls_certificate: Path
    tls_key: Path
    patience: Patience
    runs: int
    message_mb: int
    sessions: int
    flower: FlowerConfig | None = None


def read_config(path: Path) -> CoordinatorConfig:
    """Read the settings. Paths in the file are taken from the file's own folder.

    Raises
    ------
    ProblemsError
        If the file cannot be read, or with everything that is wrong in it.
    """
    try:
        keys = FileKeys.model_validate(_toml(path))
    except ValidationError as error:
        raise ProblemsError(str(path), [_problem(e) for e in error.errors()]) from None
    here = path.absolute().parent
    return CoordinatorConfig(
        listen=keys.listen,
        store=_from(here, keys.store),
        out=here / keys.out,
        key=here / keys.key,
        federation=here / keys.federation,
        tls_certificate=here / keys.tls.certificate,
        tls_key=here / keys.tls.key,
        patience=Patience(keys.waiting.hours, keys.waiting.tries),
        runs=keys.limits.runs,
        message_mb=keys.limits.message_mb,
        sessions=keys.limits.sessions,
        flower=_flower(keys.flower, here) if keys.carrier == "flower" else None,
    )


def read_seed(path: Path) -> bytes:
    """Read the seed of the coordinator's identity key, 32 bytes that only its owner may read.

    Raises
    ------
    KeyFileError
        If the file cannot be read, others may read it, or it holds no seed.
    """
    try:
        with path.open("rb") as file:
            mode, seed = os.fstat(file.fileno()).st_mode, file.read(SEED_SIZE + 1)
    except OSError as error:
        raise KeyFileError(f"{path}: {error.strerror}") from None
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(f"{path}: others than its owner may read it", f"chmod 600 {path}")
    if len(seed) != SEED_SIZE:
        raise KeyFileError(f"{path}: does not hold {SEED_SIZE} bytes")
    return seed


def _flower(keys: FlowerKeys, here: Path) -> FlowerConfig:
    return FlowerConfig(keys.superlink, here / keys.ca if keys.ca else None, here / keys.superexec)


def _from(here: Path, store: str) -> str:
    """Take an SQLite file from the folder of the settings, wherever the daemon is started."""
    scheme, slashes, file = store.partition("sqlite:///")
    return store if scheme or not slashes else f"sqlite:///{here / file}"


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        rule, fix = f"cannot be read: {error.strerror}", "name the coordinator's settings file"
    except UnicodeDecodeError:
        rule, fix = "is not UTF-8 text", "save it as UTF-8"
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        rule, fix = f"is not TOML: {error}", _HELP
    raise ProblemsError(str(path), [Problem("the file", rule, fix)])


def _problem(error: Any) -> Problem:
    """Say one of pydantic's findings as a sentence, with the nearest key where one is unknown."""
    *table, last = [str(part) for part in error["loc"]]
    where = ".".join((*table, last))
    if error["type"] == "extra_forbidden":
        known = list((_TABLES[table[0]] if table else FileKeys).model_fields)
        near = get_close_matches(last.casefold(), known, n=1)
        fix = f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"
        return Problem(where, "is no key of coordinator.toml", fix)
    if error["type"] == "value_error":
        return Problem(where, str(error["ctx"]["error"]), _HELP)
    rule = str(error["msg"]).replace("Input should be", "has to be")
    return Problem(where, rule, _HELP)
