"""What members a bundle may have, how they are called, and how large each may be.

There are two forms: the consortium's with everything, and the readers' within it, for people
outside. Whatever is not named here is refused: a bundle comes from strangers.
"""

import re
from dataclasses import dataclass

from coordinator.report.tidy import TABLES
from protocol.ids import SiteId

SCHEMA = "riskset-bundle/1"
BUNDLE = "bundle.zip"
"""The file's name in the folder of a run."""

READER_SCHEMA = "riskset-reader-bundle/1"
READER = "reader.zip"
"""The readers' form: a member of the consortium's, and a file beside it."""
READER_SALTS = "reader-salts.json"
"""The salts of its commitments: only the consortium's form has them."""

README = "README.md"
CRATE = "ro-crate-metadata.json"
MANIFEST = "manifest.json"
SEAL = "seal.json"
SOFTWARE = "software.json"
PLAN = "plan.json"
FEDERATION = "federation.json"
OPENED = "run/opened.json"
KEYS = "run/keys.json"
UNLOCKED = "run/unlocked.json"
INDEX = "totals/index.json"
SUMS = "sums.json"
RESULTS = "results/results.json"
PUBLICATION = "results/publication.json"
REPORT = "results/report.html"

_BOTH = (README, CRATE, MANIFEST, SEAL, SOFTWARE, PLAN, OPENED, KEYS, REPORT)
_TABLES = tuple(f"results/{table}" for table in TABLES)

REQUIRED = {
    SCHEMA: (*_BOTH, INDEX, RESULTS, *_TABLES),
    READER_SCHEMA: (*_BOTH, SUMS, PUBLICATION, *_TABLES),
}
"""Members of every bundle, by its schema."""

_TEXT = 2**26
_DATA = 2**36


@dataclass(frozen=True)
class Rule:
    """A form of names, and the most bytes that such a member has."""

    form: re.Pattern[str]
    most: int


RULES = (
    Rule(re.compile("|".join(re.escape(n) for n in (README, SEAL, SOFTWARE, FEDERATION))), 2**20),
    Rule(re.compile("|".join(re.escape(n) for n in (CRATE, PLAN, OPENED, UNLOCKED))), 2**22),
    Rule(re.compile("|".join(re.escape(n) for n in (MANIFEST, KEYS, INDEX, SUMS))), _TEXT),
    Rule(re.compile(re.escape(READER_SALTS)), _TEXT),
    Rule(re.compile(re.escape(READER)), 2**30),
    Rule(re.compile(r"(approvals|closings)/[A-Za-z0-9][A-Za-z0-9._-]{0,80}\.json"), 2**20),
    Rule(re.compile(r"rosters/\d{4}\.json"), 2**22),
    Rule(re.compile(r"trips/\d{5}/(request|result|salts)\.json"), _TEXT),
    Rule(
        re.compile(r"results/((results|publication)\.json|report\.html|[a-z0-9_]{1,40}\.csv)"),
        2**28,
    ),
    Rule(re.compile(r"vectors/\d{6}/[A-Za-z0-9][A-Za-z0-9._-]{0,63}\.bin"), _DATA),
    Rule(re.compile(r"totals/\d{6}\.bin"), _DATA),
)


_SHARED = re.compile(
    r"plan\.json|federation\.json|software\.json|run/[a-z]+\.json|rosters/.*|approvals/.*"
    r"|closings/.*|trips/\d{5}/request\.json"
)
_READERS = re.compile(r"README\.md|[a-z-]+\.json|results/.*|totals/\d{6}\.bin")
_INSIDE = re.compile("|".join(map(re.escape, (INDEX, RESULTS, READER_SALTS))))


def shared(name: str) -> bool:
    """Tell members that both forms have, byte for byte."""
    return _SHARED.fullmatch(name) is not None


def belongs(schema: str, name: str) -> bool:
    """Tell whether a form of the bundle may have a member of this name."""
    if schema == SCHEMA:
        return name not in (SUMS, PUBLICATION)
    return shared(name) or (not _INSIDE.fullmatch(name) and bool(_READERS.fullmatch(name)))


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
