"""The masked study meets R on the committed cases."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from protocol.plan.check import check
from protocol.plan.model import Weighting
from tests.reference.__main__ import main
from tests.reference.axis import lay_axis
from tests.reference.case import read_case
from tests.reference.plan_of import WEIGHTINGS, plan_of
from tests.reference.terms import terms_of

HERE = Path(__file__).parent

COVERED = [
    r"ps\.(n_complete|missing_by_column)",
    r"ps\.(main|site_fe)\.(coef|se|vcov)",
    r"ps\.main\.firth",
    r"(balance|weights)\.unweighted",
    r"balance\.(ate|sate|att|atc|overlap|matching)",
    r"tests\..*\.(table|risk|t_test)",
    r"tests\.\w+\.(summary|mann_whitney|quantiles_type[762])",
    r"tests\.\w+\.categorical",
    r"surv\.\w+\.(km|landmark|quantiles|rmst|reverse_km_median)\.arm[01]",
    r"surv\.\w+\.(rmst_diff|landmark_diff|km\.all|logrank_family)",
    r"surv\.\w+\.survdiff\.(rho0|rho1|rho0\.strata_site)",
    r"surv\.\w+\.cox\.(efron|breslow)(\.robust|\.strata_site)?",
    r"surv\.\w+\.zph\.\w+",
    r"match\.\w+\.(smd|smd_treated_sd|complication|drug_ae)",
    r"match\.\w+\.\w+\.landmark\.arm[01]",
    r"match\.\w+\.\w+\.(rmst\.arm[01]|median\.arm[01]|logrank|logrank\.strata_site|cox\.robust_id)",
    r"weighted\.\w+\.(ate|overlap)\.km\.arm[01]",
    r"weighted\.\w+\.(ate|sate|att|overlap|matching)\.(landmark|median|rmst)\.arm[01]",
    r"weighted\.\w+\.(ate|sate|att|overlap|matching)\.cox\.(efron|breslow)",
    r"weighted\.\w+\.(ate|sate|att|overlap)\.logrank\.(xie_liu|svylogrank)",
    r"cr\.\w+\.(cif|curve|aalen_johansen)\.arm[01]",
    r"cr\.\w+\.(gray|finegray|causespecific_cox)",
]


@pytest.mark.parametrize("name", ["crlm", "gbsg", "veteran"])
def test_committed_case(name: str, tmp_path: Path) -> None:
    """Whatever is answered is right, and nothing of what can be answered is left out."""
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
    wanted = {i for i in ids if any(re.fullmatch(pattern, i) for pattern in COVERED)}
    assert wanted
    assert wanted <= json.loads(out.read_text()).keys()


def test_every_pattern_is_of_use() -> None:
    files = (HERE / "cases").glob("*/expected/*.json")
    ids = {r["id"] for file in files for r in json.loads(file.read_text())["results"]}
    for pattern in COVERED:
        assert any(re.fullmatch(pattern, i) for i in ids), pattern


@pytest.mark.parametrize("weightings", [(), WEIGHTINGS])
def test_plan_is_sound(weightings: tuple[Weighting, ...]) -> None:
    """The studies that are played are such as a plan may ask for."""
    terms = terms_of(read_case(HERE / "cases" / "veteran"))
    plan = plan_of(terms, lay_axis(["1", "1000"]), (), weightings)
    assert [str(problem) for problem in check(plan)] == []
