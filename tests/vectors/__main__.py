"""Write the vectors again: `python -m tests.vectors`. A changed file is a change on the wire."""

import json
from pathlib import Path
from typing import Any

from tests.vectors.cases import DOCUMENTS
from tests.vectors.first import answer

FOLDER = Path(__file__).parent


def documents() -> dict[str, str]:
    """Work out what every case expects, and give each file's text."""
    return {name: text(about, list(cases)) for name, (about, cases) in DOCUMENTS.items()}


def text(about: str, cases: list[dict[str, Any]]) -> str:
    answered = [{**case, "expect": answer(case["kind"], case["given"])} for case in cases]
    document = {"suite": "SITESUM-1", "about": about, "cases": answered}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, content in documents().items():
        (FOLDER / name).write_text(content, encoding="utf-8")
