"""The keys of `site.toml`: one class a table, each key with its sentence and its limits."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from protocol.ids import site_id

WORDS = 6
"""Words by which people compare a hospital's key: 66 bits of its digest."""

_ADDRESS = re.compile(r"[A-Za-z0-9.-]+:[0-9]{1,5}|\[[0-9a-fA-F:]+\]:[0-9]{1,5}")

_PROXY = re.compile(r"http://[^/\s]+:[0-9]{1,5}/?")

_DIGEST = re.compile(r"[0-9a-f]{64}")


def checked_address(text: str) -> str:
    """Give an address back, if it is a name and a port; a ValueError says what it has to be."""
    if not _ADDRESS.fullmatch(text) or int(text.rpartition(":")[2]) > 65535:
        raise ValueError("has to be a name and a port, such as study.example.org:7443")
    return text


def _proxy(text: str) -> str:
    if not _PROXY.fullmatch(text):
        raise ValueError("has to be an HTTP proxy, such as http://proxy.example.org:3128")
    return text


def _hex_digest(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(
            "has to be 64 hexadecimal digits, as 'riskset plan check --format json' says them"
        )
    return text


def _hex_key(text: str) -> str:
    if not _DIGEST.fullmatch(text):
        raise ValueError(
            "has to be 64 hexadecimal digits, as 'riskset-site operator --format json' tells"
        )
    return text


def _six_words(text: str) -> str:
    if len(text.replace("-", " ").split()) != WORDS:
        raise ValueError(f"has to be the {WORDS} words that the hospital read out")
    return text


class Table(BaseModel):
    """A table of the file: frozen, and closed to keys that nobody defined."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Coordinator(Table):
    """Where the coordinating centre is, and how to get there."""

    address: Annotated[str, AfterValidator(checked_address)] = Field(
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


class Flower(Table):
    """A Flower federation that carries the coordinator's requests."""

    superlink: Annotated[str, AfterValidator(checked_address)] = Field(
        description="Name and port of the SuperLink, or of the proxy in front of it."
    )
    ca: str | None = Field(
        default=None,
        description="A file of the authority that signed the SuperLink's certificate; default: the "
        "federation's own.",
    )


class Data(Table):
    """Where the patients' rows are."""

    extract: str = Field(description="The CSV file of the hospital's patients.")
    mapping: str | None = Field(
        default=None, description="The file that says what the hospital calls things."
    )


class ApprovedPlan(Table):
    """A plan that the hospital takes part in."""

    file: str = Field(description="The plan's file.")
    digest: Annotated[str, AfterValidator(_hex_digest)] = Field(
        description="The digest of the plan that was approved; the file has to have it."
    )
    extract: str | None = Field(default=None, description="An extract for this plan alone.")
    mapping: str | None = Field(default=None, description="A mapping for this plan alone.")


class KnownSite(Table):
    """A hospital whose key was compared over another line."""

    id: Annotated[str, AfterValidator(site_id)] = Field(description="The hospital's id.")
    words: Annotated[str, AfterValidator(_six_words)] = Field(
        description="The six words of its key, as its people read them out."
    )


class Operator(Table):
    """A person who decides for the hospital, under a key of their own."""

    name: str = Field(min_length=1, max_length=100, description="The person's name.")
    key: Annotated[str, AfterValidator(_hex_key)] = Field(
        description="The public key, as 'riskset-site operator --format json' tells it."
    )


class Approval(Table):
    """Who decides about plans. Nothing is approved before they say so."""

    operators: Annotated[tuple[Operator, ...], Field(strict=False)] = ()
    needed: int = Field(default=1, ge=1, le=2, description="Operators that have to approve.")


class Limits(Table):
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


class LogSettings(Table):
    """Where the node tells what it does."""

    file: str | None = Field(default=None, description="The log's file; default: the terminal.")
    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least level that is told: debug, info, warning or error."
    )


class SiteFile(Table):
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


TABLES: Mapping[str, type[Table]] = {
    "coordinator": Coordinator,
    "flower": Flower,
    "data": Data,
    "plans": ApprovedPlan,
    "known_sites": KnownSite,
    "approval": Approval,
    "limits": Limits,
    "log": LogSettings,
}
"""The tables of the file by name; the file itself is `SiteFile`."""
