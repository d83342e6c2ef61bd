"""A node's settings: one file, `site.toml`, read once into a frozen value.

`deploy/site.example.toml` explains every key. The file holds no secret.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from protocol.disclosure_site import Tighter
from protocol.errors import Problem, ProblemsError
from protocol.ids import SiteId, site_id
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from site_node.logs import Level
from site_node.plan_file import read_plan_file

HELP = "see deploy/site.example.toml"
_WHERE = "say under [[plans]] where the plan's file is"
WORDS = 6
"""Words by which people compare a hospital's key: 66 bits of its digest."""

TIGHTER = tuple(row.name for row in fields(Tighter) if row.name != "min_sites")
"""Rows of the disclosure table that [limits] may tighten, beside the fewest hospitals."""

_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")
_PROXY = re.compile(r"http://[^/\s]+:[0-9]{1,5}/?")
_DIGEST = re.compile(r"[0-9a-f]{64}")


def _address(text: str) -> str:
    if not _ADDRESS.fullmatch(text) or int(text.rpartition(":")[2]) > 65535:
        raise ValueError("has to be a name and a port, such as study.example.org:7443")
    return text


def _proxy(text: str) -> str:
    if not _PROXY.fullmatch(text):
        raise ValueError("has to be an HTTP proxy, such as http://proxy.example.org:3128")
    return text


def _hex_digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("has to be 64 hexadecimal digits, as 'riskset plan digest' prints them")
    return text


def _hex_key(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError("has to be 64 hexadecimal digits, as 'riskset-site operator' tells")
    return text


def _six_words(text: str) -> str:
    if len(text.replace("-", " ").split()) != WORDS:
        raise ValueError(f"has to be the {WORDS} words that the hospital read out")
    return text


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Coordinator(_Table):
    """Where the coordinating centre is, and how to get there."""

    address: Annotated[str, AfterValidator(_address)] = Field(
        description="Name and port of the coordinating centre: the only place ever dialled."
    )
    proxy: Annotated[str, AfterValidator(_proxy)] | None = Field(
        default=None, description="The HTTP proxy to go through, where the hospital has one."
    )
    ca: str | None = Field(
        default=None,
        description="A file of further certificates to trust, where the hospital's proxy makes its "
        "own.",
    )


class Flower(_Table):
    """A Flower federation that carries the coordinator's requests."""

    superlink: Annotated[str, AfterValidator(_address)] = Field(
        description="Name and port of the SuperLink, or of the proxy in front of it."
    )
    ca: str | None = Field(
        default=None,
        description="A file of the authority that signed the SuperLink's certificate; default: the "
        "federation's own.",
    )


class Data(_Table):
    """Where the patients' rows are."""

    extract: str = Field(description="The CSV file of the hospital's patients.")
    mapping: str | None = Field(
        default=None, description="The file that says what the hospital calls things."
    )


class ApprovedPlan(_Table):
    """A plan that the hospital takes part in."""

    file: str = Field(description="The plan's file.")
    digest: Annotated[str, AfterValidator(_hex_digest)] = Field(
        description="The digest of the plan that was approved; the file has to have it."
    )
    extract: str | None = Field(default=None, description="An extract for this plan alone.")
    mapping: str | None = Field(default=None, description="A mapping for this plan alone.")


class KnownSite(_Table):
    """A hospital whose key was compared over another line."""

    id: Annotated[str, AfterValidator(site_id)] = Field(description="The hospital's id.")
    words: Annotated[str, AfterValidator(_six_words)] = Field(
        description="The six words of its key, as its people read them out."
    )


class Operator(_Table):
    """A person who decides for the hospital, under a key of their own."""

    name: str = Field(min_length=1, max_length=100, description="The person's name.")
    key: Annotated[str, AfterValidator(_hex_key)] = Field(
        description="The public key, as 'riskset-site operator' tells it."
    )


class Approval(_Table):
    """Who decides about plans. Nothing is approved before they say so."""

    operators: Annotated[tuple[Operator, ...], Field(strict=False)] = ()
    needed: int = Field(default=1, ge=1, le=2, description="Operators that have to approve.")


class Limits(_Table):
    """What the hospital allows. Plans may ask for more care, never for less."""

    min_sites: int = Field(default=3, ge=3, description="Hospitals in a sum at the least.")
    min_known_sites: int = Field(
        default=2, ge=0, description="Hospitals of a roster whose words are known at the least."
    )
    max_runs: int = Field(
        default=20, ge=1, description="Runs on one and the same extract at the most."
    )
    message_mb: int = Field(
        default=256, ge=1, le=2048, description="The largest message that is taken, in megabytes."
    )
    site_patients: int | None = Field(
        default=None, ge=1, description="Patients here at the least, else no part in a run."
    )
    site_arm: int | None = Field(
        default=None, ge=1, description="Patients here of each arm that there is, at the least."
    )
    difference_floor: int | None = Field(
        default=None,
        ge=1,
        description="Patients here by which cohorts of two runs differ at the least, if they do.",
    )
    published_floor: int | None = Field(
        default=None, ge=1, description="Smaller groups here are shown for review."
    )
    level_floor: int | None = Field(
        default=None, ge=1, description="Patients that a covariate's level needs in all."
    )
    level_hospitals: int | None = Field(
        default=None, ge=1, description="Hospitals that a covariate's level needs."
    )
    strata_hospitals: int | None = Field(
        default=None, ge=1, description="Hospitals that a sum stratified by hospital needs."
    )
    fit_hospitals: int | None = Field(
        default=None, ge=1, description="Hospitals that sums of the hospitals' own fits need."
    )
    subgroup_patients: int | None = Field(
        default=None, ge=1, description="Patients that each arm of a subgroup needs in all."
    )
    bins_per_caliper: int | None = Field(
        default=None, ge=1, description="Score bins of one caliper's width, at the most."
    )
    grid_step: Literal["month", "quarter"] | None = Field(
        default=None, description="The time grid, at the finest: 'month' or 'quarter'."
    )
    weight_digits: int | None = Field(
        default=None, ge=1, description="Significant digits of a patient's weight, at the most."
    )


class LogSettings(_Table):
    """Where the node tells what it does."""

    file: str | None = Field(default=None, description="The log's file; default: the terminal.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is told: debug, info, warning or error."
    )


class SiteFile(_Table):
    """The keys of `site.toml`."""

    site: Annotated[str, AfterValidator(site_id)] = Field(description="The hospital's id.")
    name: str = Field(min_length=1, description="The name that people know the hospital by.")
    state: str = Field(
        default="state", description="The folder of keys and ledger, for the node alone."
    )
    coordinator: Coordinator
    carrier: Literal["grpc", "flower"] = Field(
        default="grpc",
        description="What carries requests: the coordinator's own port, or a Flower federation.",
    )
    flower: Flower | None = None
    data: Data
    plans: Annotated[tuple[ApprovedPlan, ...], Field(strict=False)] = ()
    known_sites: Annotated[tuple[KnownSite, ...], Field(strict=False)] = ()
    approval: Approval = Approval()
    limits: Limits = Limits()
    log: LogSettings = LogSettings()


@dataclass(frozen=True)
class PlanFiles:
    """A plan that was approved, and the files that it is held against."""

    file: Path
    digest: bytes
    extract: Path
    mapping: Path | None


@dataclass(frozen=True)
class SiteConfig:
    """A node's settings. Paths are whole; `known_sites` gives six words by hospital.

    `superlink` is set where Flower carries requests.
    `tighter` are the rows of the disclosure table that the hospital tightens.
    `extract` and `mapping` are the hospital's own where a plan names none. `operators` gives names
    by public key (32 bytes), of whom `needed` have to approve a plan.
    """

    site: SiteId
    name: str
    state: Path
    address: str
    proxy: str | None
    ca: Path | None
    plans: tuple[PlanFiles, ...]
    known_sites: Mapping[SiteId, str]
    extract: Path | None = None
    mapping: Path | None = None
    min_sites: int = 3
    min_known_sites: int = 2
    max_runs: int = 20
    message_mb: int = 256
    tighter: Tighter = field(default_factory=Tighter)
    superlink: str | None = None
    superlink_ca: Path | None = None
    operators: Mapping[bytes, str] = field(default_factory=dict)
    needed: int = 1
    log_file: Path | None = None
    log_level: Level = Level.INFO


def read_config(path: Path) -> SiteConfig:
    """Read a node's settings. Paths in the file are taken from the file's own folder.

    Raises
    ------
    ProblemsError
        If the file is missing, is not TOML, lacks a key, or has one that does not exist or holds
        the wrong kind of value; all of them at once.
    """
    subject = str(path)
    table = _table(path)
    try:
        said = SiteFile.model_validate(table)
    except ValidationError as error:
        raise ProblemsError(subject, [_problem(e) for e in error.errors()]) from None
    if problems := [*_twice(said), *_without_superlink(said)]:
        raise ProblemsError(subject, problems)
    return _settings(said, path.absolute().parent)


def read_approved(config: SiteConfig) -> Mapping[bytes, tuple[Plan, PlanFiles]]:
    """Read the plans that the hospital approved, by their digests.

    Raises
    ------
    ProblemsError
        If a plan is not there, is none, or is not the one that was approved.
    """
    found: dict[bytes, tuple[Plan, PlanFiles]] = {}
    for files in config.plans:
        try:
            plan = read_plan_file(files.file)
        except OSError:
            _refuse(str(files.file), "cannot be read", _WHERE)
        if plan_digest(plan) != files.digest:
            _refuse(
                str(files.file),
                "is another plan than the one that was approved: its digest differs",
                "look at the plan again; if it is the right one, approve it anew",
            )
        found[files.digest] = plan, files
    return found


def _table(path: Path) -> dict[str, Any]:
    subject = str(path)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError:
        _refuse(subject, "cannot be read", "give the path of the node's site.toml")
    except UnicodeDecodeError:
        _refuse(subject, "is not UTF-8", "save the file as UTF-8")
    except tomllib.TOMLDecodeError as error:
        _refuse(subject, f"is not TOML: {error}", f"mend the line; {HELP}")
    except (RecursionError, ValueError):
        _refuse(subject, "nests too deeply or holds a number with too many digits", HELP)


def _refuse(subject: str, rule: str, fix: str) -> NoReturn:
    raise ProblemsError(subject, [Problem("the file", rule, fix)])


def _settings(said: SiteFile, here: Path) -> SiteConfig:
    def there(text: str) -> Path:
        return here / Path(text).expanduser()

    def mapping(text: str | None) -> Path | None:
        return there(text) if text else None

    limits = said.limits.model_dump()
    tighter = Tighter(
        limits["min_sites"], **{row: limits.pop(row) for row in TIGHTER if row in limits}
    )
    plans = tuple(
        PlanFiles(
            there(plan.file),
            bytes.fromhex(plan.digest),
            there(plan.extract or said.data.extract),
            # A mapping belongs to an extract: one for all is no default for another extract.
            mapping(plan.mapping if plan.extract else plan.mapping or said.data.mapping),
        )
        for plan in said.plans
    )
    return SiteConfig(
        site=site_id(said.site),
        name=said.name,
        state=there(said.state),
        address=said.coordinator.address,
        proxy=said.coordinator.proxy,
        ca=mapping(said.coordinator.ca),
        plans=plans,
        known_sites={site_id(known.id): known.words for known in said.known_sites},
        extract=there(said.data.extract),
        mapping=mapping(said.data.mapping),
        **limits,
        tighter=tighter,
        superlink=said.flower.superlink if said.flower and said.carrier == "flower" else None,
        superlink_ca=mapping(said.flower.ca) if said.flower else None,
        operators={bytes.fromhex(one.key): one.name for one in said.approval.operators},
        needed=said.approval.needed,
        log_file=mapping(said.log.file),
        log_level=Level[said.log.level.upper()],
    )


def _twice(said: SiteFile) -> list[Problem]:
    """Report what stands twice, and the hospital as its own acquaintance."""
    known, plans = [site.id for site in said.known_sites], [plan.digest for plan in said.plans]
    problems = [
        Problem(f"known_sites.{place}.id", f"{one} is named before", "keep one entry for each")
        for place, one in enumerate(known)
        if one in known[:place]
    ]
    problems += [
        Problem(f"plans.{place}.digest", "the plan is named before", "keep one entry for each")
        for place, one in enumerate(plans)
        if one in plans[:place]
    ]
    keys = [one.key for one in said.approval.operators]
    problems += [
        Problem(f"approval.operators.{place}.key", "is another operator's", "make one key each")
        for place, key in enumerate(keys)
        if key in keys[:place]
    ]
    if said.site in known:
        rule = "is the hospital itself"
        problems.append(Problem("known_sites", rule, "name other hospitals only"))
    return problems


def _without_superlink(said: SiteFile) -> list[Problem]:
    if said.carrier == "flower" and said.flower is None:
        return [Problem("flower", "is missing, and carrier is flower", "name [flower] superlink")]
    return []


def _problem(error: Any) -> Problem:
    where = ".".join(str(part) for part in error["loc"])
    kind, told = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys(error["loc"][:-1])
        return Problem(where, "is no key of site.toml", _nearest(str(error["loc"][-1]), known))
    if kind == "missing":
        return Problem(where, "is missing", HELP)
    if kind == "value_error":
        return Problem(where, str(told["error"]), HELP)
    bound = told.get("ge", told.get("le", ""))
    wanted = {"literal_error": f"one of {told.get('expected')}", **_SHAPES}.get(kind, "otherwise")
    return Problem(where, f"has to be {wanted} {bound}".rstrip(), HELP)


def _nearest(word: str, known: list[str]) -> str:
    near = get_close_matches(word.casefold(), known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"the keys are {', '.join(known)}"


def _keys(table: tuple[str | int, ...]) -> list[str]:
    """List the keys of the table at a place."""
    models: Mapping[str, type[_Table]] = {
        "coordinator": Coordinator,
        "flower": Flower,
        "data": Data,
        "plans": ApprovedPlan,
        "known_sites": KnownSite,
        "approval": Approval,
        "limits": Limits,
        "log": LogSettings,
    }
    return list((models[str(table[0])] if table else SiteFile).model_fields)


_SHAPES = {
    "bool_type": "true or false",
    "dict_type": "a table",
    "greater_than_equal": "a whole number of at least",
    "int_type": "a whole number",
    "less_than_equal": "a whole number of at most",
    "model_type": "a table",
    "string_too_short": "text that is not empty",
    "string_type": "text in quotation marks",
    "tuple_type": "a list of tables, each under its own [[...]]",
}
