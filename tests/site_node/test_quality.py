"""Columns and units as the check shows them."""

from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from riskset.plans import read_builtin
from site_node.data.check import inspect_extract
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping
from site_node.quality import VariableQuality, odd_units, qualities

Write = Callable[[str | bytes], Path]

MESSY = Path(__file__).parents[2] / "riskset" / "data" / "crlm-messy"
HEADER = "patient_id,age,cea,stage,arm,days,dead,relapse_days,relapse\n"


@pytest.fixture(scope="module")
def study() -> Plan:
    return read_plan(read_builtin("crlm"), "crlm.toml")


def table(cea: list[str]) -> str:
    rows = [f"A{n},61,{value},I,upfront,400,1,,none\n" for n, value in enumerate(cea)]
    return HEADER + "".join(rows)


def test_every_row_of_a_variable_is_counted_once(write: Write, plan: Plan) -> None:
    path = write(table(["4.5", "", "x", "0", "7"]))
    found = qualities(plan, SiteMapping(), inspect_extract(path, plan))
    assert found[1] == VariableQuality("cea", "cea", usable=2, missing=1, broken=2)
    assert [q.variable for q in found] == [variable.name for variable in plan.variables]
    assert all(q.usable + q.missing + q.broken == 5 for q in found)


def test_columns_are_in_the_hospitals_words(study: Plan) -> None:
    mapping = read_mapping(MESSY / "mappings" / "H2.toml", study)
    found = qualities(study, mapping, inspect_extract(MESSY / "H2.csv", study, mapping))
    named = {quality.variable: quality.column for quality in found}
    assert named["max_diameter_cm"] == "diam_mm"
    assert named["os_days"] == "index_date to death_or_last_date"


@pytest.mark.parametrize("hospital", ["H1", "H2", "H3", "H4", "H5", "H6", "H7"])
def test_right_units_raise_no_alarm(hospital: str, study: Plan) -> None:
    """Antigen in micrograms a litre (H3, H6) is in the plan's unit under another name."""
    mapping = read_mapping(MESSY / "mappings" / f"{hospital}.toml", study)
    reading = inspect_extract(MESSY / f"{hospital}.csv", study, mapping)
    assert odd_units(study, mapping, reading) == ()


@pytest.mark.parametrize("hospital", ["H2", "H5"])
def test_millimetres_are_told_once(hospital: str, study: Plan) -> None:
    mapping = read_mapping(MESSY / "mappings" / f"{hospital}.toml", study)
    unmapped = mapping.model_copy(update={"units": {}})
    reading = inspect_extract(MESSY / f"{hospital}.csv", study, unmapped)
    (found,) = odd_units(study, unmapped, reading)
    assert (found.variable, found.factor) == ("max_diameter_cm", 0.1)
    assert "is the unit mm?" in found.words


def test_a_median_far_from_the_centre_is_told_within_the_range(write: Write, plan: Plan) -> None:
    """Ten times the plan's centre, and all of it in the plan's range."""
    path = write(table([str(150 + n) for n in range(20)]))
    reading = inspect_extract(path, plan)
    assert not reading.suspicions
    (found,) = odd_units(plan, SiteMapping(), reading)
    assert found.words == "typical values are about 10 times above the plan's"
    stated = SiteMapping(units={"cea": 1.0})
    assert odd_units(plan, stated, inspect_extract(path, plan, stated)) == ()


def test_few_patients_have_no_typical_value(write: Write, plan: Plan) -> None:
    reading = inspect_extract(write(table(["150"] * 9)), plan)
    assert odd_units(plan, SiteMapping(), reading) == ()


def test_the_columns_name_is_told_even_where_numbers_fit(write: Write, plan: Plan) -> None:
    text = table([str(5 + n % 3) for n in range(20)]).replace(",cea,", ",cea_mg_l,", 1)
    mapping = SiteMapping(columns={"cea": "cea_mg_l"})
    (found,) = odd_units(plan, mapping, inspect_extract(write(text), plan, mapping))
    assert found.factor == pytest.approx(1000)
    assert "one is 1000 ng/mL" in found.words


@pytest.mark.parametrize(
    ("column", "factor", "told"),
    [
        ("OS (months)", None, "one is 30.4369 days; whole days have to be counted"),
        ("OS in weeks", 7.0, "one is 7 days"),
        ("OS (days)", 0.0, ""),
        ("OS time", 0.0, ""),
    ],
)
def test_times_in_other_units_are_told_by_the_columns_name(
    write: Write, plan: Plan, column: str, factor: float | None, told: str
) -> None:
    text = table(["4.5"] * 3).replace(",days,", f",{column},", 1)
    mapping = SiteMapping(columns={"days": column})
    found = odd_units(plan, mapping, inspect_extract(write(text), plan, mapping))
    if told:
        assert found[0].factor == factor
        assert told in found[0].words
    else:
        assert found == ()
