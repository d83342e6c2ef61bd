"""What members a bundle may have, how they are called, and how large each may be.

Whatever is not named here is refused: a bundle comes from strangers.
"""

import re
from dataclasses import dataclass

from coordinator.report.tidy import TABLES
from protocol.ids import SiteId

SCHEMA = "riskset-bundle/1"
BUNDLE = "bundle.zip"
"""The file's name in the folder of a run."""

README = "README.md"
CRATE = "ro-crate-metadata.json"
MANIFEST = "manifest.json"
SEAL = "seal.json"
SOFTWARE = "software.json"
PLAN = "plan.json"
FEDERATION = "federation.json"
OPENED = "run/opened.json"
KEYS = "run/keys.json"
INDEX = "totals/index.json"
RESULTS = "results/results.json"
REPORT = "results/report.html"

REQUIRED = (
    *(README, CRATE, MANIFEST, SEAL, SOFTWARE, PLAN, OPENED, KEYS, INDEX, RESULTS, REPORT),
    *(f"results/{table}" for table in TABLES),
)
"""Members of every bundle."""

_TEXT = 2**26
_DATA = 2**36


@dataclass(frozen=True)
class Rule:
    """A form of names, and the most bytes that such a member has."""

    form: re.Pattern[str]
    most: int


RULES = (
    Rule(re.compile("|".join(re.escape(n) for n in (README, SEAL, SOFTWARE, FEDERATION))), 2**20),
    Rule(re.compile("|".join(re.escape(n) for n in (CRATE, PLAN, OPENED))), 2**22),
    Rule(re.compile("|".join(re.escape(name) for name in (MANIFEST, KEYS, INDEX))), _TEXT),
    Rule(re.compile(r"approvals/[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.json"), 2**20),
    Rule(re.compile(r"rosters/\d{4}\.json"), 2**22),
    Rule(re.compile(r"trips/\d{5}/(request|result|salts)\.json"), _TEXT),
    Rule(re.compile(r"results/(results\.json|report\.html|[a-z0-9_]{1,40}\.csv)"), 2**28),
    Rule(re.compile(r"vectors/\d{6}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.bin"), _DATA),
    Rule(re.compile(r"totals/\d{6}\.bin"), _DATA),
)


def limit(name: str) -> int | None:
    """Say how large a member may be; None if no bundle has one of that name."""
    return next((rule.most for rule in RULES if rule.form.fullmatch(name, 0)), None)


def roster(version: int) -> str:
    """Name a version of the roster."""
    return f"rosters/{version:04}.json"


def trip(number: int, what: str) -> str:
    """Name a part of a trip: "request", "result" or "salts"."""
    return f"trips/{number:05}/{what}.json"


def vector(step: int, site: SiteId) -> str:
    """Name a hospital's masked vector for a step."""
    return f"vectors/{step:06}/{site}.bin"


def total(step: int) -> str:
    """Name a step's opened sum."""
    return f"totals/{step:06}.bin"
