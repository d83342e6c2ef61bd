"""Play a case under masks and write what its record of sums answers.

    python -m tests.reference CASE_DIR --out ACTUAL.json

CASE_DIR holds a dictionary.json and sites/*.csv, as cases/* do, and may hold selections of
patients in expected/match.json. `compare.py` reads ACTUAL.json.
"""

import argparse
import json
import sys
from pathlib import Path

from protocol.errors import FederationError
from tests.reference.answers import answer


def main(arguments: list[str] | None = None) -> int:
    """Run the command; the exit status is 1 where the case cannot be played."""
    parser = argparse.ArgumentParser(prog="python -m tests.reference", description=__doc__)
    parser.add_argument("case", type=Path, metavar="CASE_DIR")
    parser.add_argument("--out", type=Path, required=True, metavar="ACTUAL.json")
    options = parser.parse_args(arguments)
    try:
        found = answer(options.case)
    except (FederationError, OSError, ValueError, KeyError) as refusal:
        sys.stderr.write(f"error  {refusal}\n")
        return 1
    options.out.write_text(json.dumps(found, indent=1), encoding="utf-8")
    sys.stderr.write(f"{len(found)} results written to {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
