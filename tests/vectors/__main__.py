"""Write the vectors again: `python -m tests.vectors`. A changed file is a change on the wire.

With `--check` nothing is written; a file that would change is named, with exit status 1.
"""

import json
import sys
from pathlib import Path
from typing import Any

from tests.vectors.cases.documents import DOCUMENTS
from tests.vectors.first.answers import answer

FOLDER = Path(__file__).parent


def documents() -> dict[str, str]:
    """Work out what every case expects, and give each file's text."""
    return {name: text(about, list(cases)) for name, (about, cases) in DOCUMENTS.items()}


def text(about: str, cases: list[dict[str, Any]]) -> str:
    answered = [{**case, "expect": answer(case["kind"], case["given"])} for case in cases]
    document = {"suite": "SITESUM-1", "about": about, "cases": answered}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


def stale() -> list[str]:
    """Name the files that differ from what the code works out."""
    found = documents().items()
    return [name for name, new in found if (FOLDER / name).read_text(encoding="utf-8") != new]


def main(arguments: list[str]) -> int:
    if arguments == ["--check"]:
        old = stale()
        sys.stdout.write(f"vectors: {', '.join(old)} would change\n" if old else "vectors: equal\n")
        return 1 if old else 0
    for name, content in documents().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
