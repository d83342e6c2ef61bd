"""The masked study meets R on the committed cases."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.plan.adjustment import Weighting
from protocol.plan.check import check
from tests.reference.__main__ import main
from tests.reference.axis import lay_axis
from tests.reference.case import read_case
from tests.reference.plan_of import WEIGHTINGS, plan_of
from tests.reference.terms import terms_of

HERE = Path(__file__).parent


@pytest.mark.parametrize("name", ["crlm", "gbsg", "veteran"])
def test_committed_case(name: str, tmp_path: Path) -> None:
    """Every result that R has is answered, and right."""
    out = tmp_path / "actual.json"
    assert main([str(HERE / "cases" / name), "--out", str(out)]) == 0
    compared = subprocess.run(
        [sys.executable, str(HERE / "compare.py"), name, str(out)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert compared.returncode == 0, compared.stdout
    assert " 0 failed" in compared.stdout
    files = (HERE / "cases" / name / "expected").glob("*.json")
    ids = {r["id"] for file in files for r in json.loads(file.read_text())["results"]}
    assert ids <= json.loads(out.read_text()).keys()


@pytest.mark.parametrize("weightings", [(), WEIGHTINGS])
def test_plan_is_sound(weightings: tuple[Weighting, ...]) -> None:
    """The studies that are played are such as a plan may ask for."""
    terms = terms_of(read_case(HERE / "cases" / "veteran"))
    plan = plan_of(terms, lay_axis(["1", "1000"]), (), weightings)
    assert [str(problem) for problem in check(plan)] == []
