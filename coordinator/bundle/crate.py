"""Describes a bundle as an RO-Crate, so that archives and search engines know what lies in it.

References
----------
RO-Crate 1.1, https://w3id.org/ro/crate/1.1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from coordinator.bundle import names
from coordinator.bundle.software import installed
from coordinator.report.page import REPORT
from protocol.canonical import Json, canonical_json
from protocol.run import Played

CONTEXT = "https://w3id.org/ro/crate/1.1/context"
CONFORMS = "https://w3id.org/ro/crate/1.1"
UNDATED = "1970-01-01"
"""Stands where a run has no day of its own, as in a simulation."""

TYPES = {".json": "application/json", ".csv": "text/csv", ".html": "text/html", ".md": "text/plain"}
FOLDERS = {
    "approvals": "Approvals that hospitals' persons signed",
    "closings": "Hospitals' signed last words: the chain of results, and all runs of the plan",
    "results": "What was made of the opened sums: numbers, tables, report",
    "rosters": "Who takes part, version by version, signed by the roster authority",
    "run": "How the run was opened, every hospital's fresh public key, and the reason to unlock",
    "totals": "The opened sums over all hospitals, and how each is read",
    "trips": "What was asked, and the coordinator's signed result of it, trip by trip",
    "vectors": "Every hospital's masked vectors: each alone is noise",
}
"""Folders by what lies in them."""


@dataclass(frozen=True)
class Listed:
    """A member by name, size in bytes, and SHA-256 in hex."""

    name: str
    size: int
    sha256: str


def crate(played: Played, day: str, listed: Sequence[Listed], main: str = names.RESULTS) -> bytes:
    """Write `ro-crate-metadata.json`: files by name, vectors and sums by their folder.

    `main` is the file that holds the numbers of this form of the bundle.
    """
    loose = [one for one in listed if "/" not in one.name or one.name.startswith("results/")]
    there = {one.name.partition("/")[0] for one in listed if "/" in one.name}
    folders = [(f"{name}/", told) for name, told in FOLDERS.items() if name in there]
    graph: list[Json] = [
        {
            "@id": names.CRATE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": {"@id": CONFORMS},
        },
        _root(played, day, [*(one.name for one in loose), *(name for name, _ in folders)]),
        *(_file(one) for one in loose),
        *({"@id": name, "@type": "Dataset", "name": told} for name, told in folders),
        _software(),
        _action(main),
    ]
    return canonical_json({"@context": CONTEXT, "@graph": graph})


def _root(played: Played, day: str, parts: Sequence[str]) -> Json:
    study = played.plan.study
    mark = "A simulation: all rows were on one machine. " if played.simulated else ""
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": study.title,
        "description": f"{mark}{study.purpose}",
        "identifier": played.run_id.hex(),
        "datePublished": day or UNDATED,
        "license": "As the plan's signatories agree",
        "hasPart": [{"@id": part} for part in parts],
        "mainEntity": {"@id": f"results/{REPORT}"},
        "mentions": [{"@id": "#run"}],
    }


def _file(one: Listed) -> Json:
    suffix = "." + one.name.rpartition(".")[2]
    return {
        "@id": one.name,
        "@type": "File",
        "name": one.name,
        "contentSize": str(one.size),
        "encodingFormat": TYPES.get(suffix, "application/octet-stream"),
        "sha256": one.sha256,
    }


def _software() -> Json:
    return {
        "@id": "#riskset",
        "@type": "SoftwareApplication",
        "name": "riskset",
        "version": installed("riskset"),
    }


def _action(main: str) -> Json:
    return {
        "@id": "#run",
        "@type": "CreateAction",
        "name": "The study's run",
        "instrument": {"@id": "#riskset"},
        "object": [{"@id": names.PLAN}],
        "result": [{"@id": main}, {"@id": names.REPORT}],
    }
