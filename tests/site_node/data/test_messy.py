"""Seven hospitals' exports as they really come, each with its mapping, against the clean cohort."""

from pathlib import Path

import numpy as np
import pytest

from protocol.cohort import Extract
from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from protocol.plan.variables import Number
from riskset.plans import read_builtin
from riskset.simulate import find_extracts, read_hospitals, simulate
from site_node.data.check import read_extract
from site_node.data.mapping import read_mapping
from site_node.terminal import error_text

DATA = Path(__file__).parents[3] / "riskset" / "data"
MESSY = DATA / "crlm-messy"
BLANKS = {
    "H1": {"cea_ng_ml": 8, "t_stage": 2},
    "H2": {"cea_ng_ml": 1, "t_stage": 3},
    "H3": {"cea_ng_ml": 3, "t_stage": 2},
    "H4": {"cea_ng_ml": 2, "t_stage": 2},
    "H5": {"cea_ng_ml": 3, "t_stage": 1},
    "H6": {"cea_ng_ml": 2},
    "H7": {"cea_ng_ml": 2, "t_stage": 1},
}
"""How many values are left blank, by hospital and variable: as the README of the files says."""


@pytest.fixture(scope="module")
def study() -> Plan:
    """The seed study's plan, which leaves patients out where a blank value is needed."""
    text = read_builtin("crlm")
    for name in ("cea_ng_ml", "t_stage"):
        text = text.replace(f'name = "{name}"\n', f'name = "{name}"\nmissing = "complete-case"\n')
    return read_plan(text, "crlm.toml")


def mapped(hospital: str, plan: Plan, block_bytes: int = 1 << 20) -> Extract:
    mapping = read_mapping(MESSY / "mappings" / f"{hospital}.toml", plan)
    return read_extract(MESSY / f"{hospital}.csv", plan, mapping, block_bytes).extract


def by_number(extract: Extract) -> "np.ndarray[tuple[int], np.dtype[np.intp]]":
    """The order of patients by the number at the end of their ids, which all hospitals keep."""
    return np.argsort([int(id_[-3:]) for id_ in extract.ids])


@pytest.mark.parametrize("hospital", list(BLANKS))
def test_mapped_values_are_the_clean_ones_but_for_blanks(hospital: str, study: Plan) -> None:
    clean = read_extract(DATA / "crlm" / f"{hospital}.csv", study).extract
    messy = mapped(hospital, study)
    assert messy.rows == clean.rows
    ours, theirs = by_number(messy), by_number(clean)
    blanks = {}
    for variable in study.variables:
        found, wanted = messy.values[variable.name][ours], clean.values[variable.name][theirs]
        blank = np.isnan(found) if isinstance(variable, Number) else found < 0
        np.testing.assert_array_equal(found[~blank], wanted[~blank], err_msg=variable.name)
        if blank.any():
            blanks[variable.name] = int(blank.sum())
    assert blanks == BLANKS[hospital]
    assert not messy.invalid.any()


def test_there_are_as_many_blanks_as_documented() -> None:
    assert sum(found.get("cea_ng_ml", 0) for found in BLANKS.values()) == 21
    assert sum(found.get("t_stage", 0) for found in BLANKS.values()) == 11


@pytest.mark.parametrize("hospital", list(BLANKS))
def test_blocks_make_no_difference(hospital: str, study: Plan) -> None:
    """Not even where they cut a letter of another encoding, or a quoted field."""
    whole, cut = mapped(hospital, study), mapped(hospital, study, block_bytes=11)
    for name, values in whole.values.items():
        np.testing.assert_array_equal(values, cut.values[name])
    np.testing.assert_array_equal(whole.ids, cut.ids)


def test_the_whole_study_runs_on_them(study: Plan) -> None:
    hospitals = read_hospitals(study, MESSY, MESSY / "mappings")
    found = simulate(study, hospitals, b"00", lambda _: None)
    assert found.flow.patients.treated == 103
    assert found.flow.patients.comparator == 255
    assert "matched" in {population.name for population in found.populations}


def test_every_file_has_its_mapping() -> None:
    mappings = {path.stem for path in (MESSY / "mappings").glob("*.toml")}
    assert mappings == set(find_extracts(MESSY)) == set(BLANKS)


def refusal(hospital: str, plan: Plan, folder: Path, leave_out: str) -> str:
    """What is said of a file whose mapping lacks a table or line."""
    text = (MESSY / "mappings" / f"{hospital}.toml").read_text(encoding="utf-8")
    assert leave_out in text
    path = folder / "mapping.toml"
    path.write_text(text.replace(leave_out, ""), encoding="utf-8")
    with pytest.raises(ProblemsError) as refused:
        read_extract(MESSY / f"{hospital}.csv", plan, read_mapping(path, plan))
    return error_text(refused.value)


@pytest.mark.parametrize("hospital", ["H2", "H5"])
def test_millimetres_are_refused_with_their_factor(
    hospital: str, study: Plan, tmp_path: Path
) -> None:
    said = refusal(hospital, study, tmp_path, "max_diameter_cm = 0.1")
    assert said.count("error") == 1
    assert "max_diameter_cm: out of range in" in said
    assert "nearly all would be in range if multiplied by 0.1: is the unit mm?" in said
    assert "say max_diameter_cm = 0.1 under [units] in the mapping file" in said


@pytest.mark.parametrize(
    ("hospital", "leave_out", "told"),
    [
        ("H1", 'missing = ["NA"]', "t_stage: unknown level in 2 rows"),
        ("H2", 'dates = "DD.MM.YYYY"', "dfs_days: not a date of the stated form in 78 rows"),
        ("H3", 'encoding = "latin-1"', "line 1: is not UTF-8"),
        ("H3", 'separator = ";"', "line 1: names 0 of the 21 columns"),
        ("H3", 'decimal = ","', "max_diameter_cm: not a number in 54 rows"),
        ("H4", ', "" = "unknown"', "ras: missing in 5 rows"),
        ("H5", "trim = true", "sex: surrounding blanks in 32 rows"),
        ("H7", 'strategy = { 1 = "upfront", 2 = "delayed" }', "strategy: unknown level in 16 rows"),
    ],
)
def test_what_is_not_stated_is_not_guessed(
    hospital: str, leave_out: str, told: str, study: Plan, tmp_path: Path
) -> None:
    assert told in refusal(hospital, study, tmp_path, leave_out)


def test_days_and_months_the_wrong_way_round_are_refused(study: Plan, tmp_path: Path) -> None:
    text = (MESSY / "mappings" / "H4.toml").read_text(encoding="utf-8")
    path = tmp_path / "mapping.toml"
    path.write_text(text.replace("DD/MM/YYYY", "MM/DD/YYYY"), encoding="utf-8")
    with pytest.raises(ProblemsError) as refused:
        read_extract(MESSY / "H4.csv", study, read_mapping(path, study))
    said = error_text(refused.value)
    assert "dfs_days: a day that no calendar has in" in said
    assert "day and month are the other way round" in said
