from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from protocol.plan.model import Plan
from protocol.plan.variables import Number
from site_node.data.units import (
    Strays,
    Suspicion,
    Unit,
    factor_between,
    far_from_centre,
    named_otherwise,
    parse_unit,
    unit_of_column,
)


def number(unit: str, low: float = 0.5, high: float = 2.9, label: str = "x") -> Number:
    return Number(name="x", label=label, type="number", unit=unit, range=(low, high), centre=1.7)


def judged(plan: Plan, variable: Number, outside: list[float], inside: int) -> Suspicion | None:
    strays = Strays(plan.model_copy(update={"variables": (variable,)}))
    strays.add("x", np.array(outside))
    return strays.suspicion("x", inside)


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("mm", Unit("length", Fraction(1, 1000))),
        ("ng/mL", Unit("mass/volume", Fraction(1, 10**6))),
        ("µg/l", Unit("mass/volume", Fraction(1, 10**6))),
        ("μg/L", Unit("mass/volume", Fraction(1, 10**6))),
        ("mcg / L", Unit("mass/volume", Fraction(1, 10**6))),
        ("ug per L", Unit("mass/volume", Fraction(1, 10**6))),
        ("mmol/l", Unit("amount/volume", Fraction(1, 1000))),
        ("furlong", None),
        ("cm/", None),
        ("", None),
    ],
)
def test_units_are_read(text: str, unit: Unit | None) -> None:
    assert parse_unit(text) == unit


@pytest.mark.parametrize(
    ("column", "unit"),
    [
        ("diam_mm", "mm"),
        ("MaxDiamCm", "cm"),
        ("Größter Durchmesser (cm)", "cm"),
        ("CEA (µg/l)", "ug/l"),
        ("CEA_ug_per_L", "ug/l"),
        ("cea_ng_ml", "ng/ml"),
        ("CEA_ngml", "ng/ml"),
        ("CEA [ng/mL]", "ng/ml"),
        ("age_yr", "year"),
        ("sex_m", ""),
        ("arm_in", ""),
        ("T", ""),
        ("", ""),
        ("number (all)", ""),
    ],
)
def test_a_column_may_name_its_unit(column: str, unit: str) -> None:
    assert unit_of_column(column) == (parse_unit(unit) if unit else None)


def test_micrograms_a_litre_are_nanograms_a_millilitre() -> None:
    assert named_otherwise(number("ng/mL"), "CEA (µg/l)", None) is None
    assert named_otherwise(number("ng/mL"), "CEA_ug_per_L", None) is None


def test_a_column_of_another_unit_is_told_unless_its_factor_is_stated() -> None:
    found = named_otherwise(number("cm"), "diam_mm", None)
    assert found
    assert found.factor == pytest.approx(0.1)
    assert "one is 0.1 cm" in found.words
    assert named_otherwise(number("cm"), "diam_mm", 0.1) is None
    assert named_otherwise(number("cm"), "diam_mm", 10) == found
    assert named_otherwise(number("cm"), "weight_kg", None) is None
    assert named_otherwise(number(""), "diam_mm", None) is None


def test_creatinine_is_told_in_moles_and_grams() -> None:
    # 1 mg/dL are 10 mg/L; over 113.12 g/mol these are 88.4 umol/L.
    creatinine = number("µmol/L", label="Creatinine")
    theirs, ours = parse_unit("mg/dl"), parse_unit("µmol/l")
    assert theirs
    assert ours
    factor = factor_between(theirs, ours, creatinine)
    assert factor is not None
    assert float(factor) == pytest.approx(88.4, abs=0.01)
    back = factor_between(ours, theirs, creatinine)
    assert back == 1 / factor
    assert factor_between(theirs, ours, number("µmol/L")) is None


def test_nearly_all_numbers_in_another_unit(plan: Plan) -> None:
    found = judged(plan, number("cm"), [10.0] * 30, inside=0)
    assert found
    assert found.factor == 0.1
    assert found.words == "nearly all would be in range if multiplied by 0.1: is the unit mm?"


def test_creatinine_in_milligrams_is_suspected_from_counts(plan: Plan) -> None:
    creatinine = number("µmol/L", 20, 1500, "Creatinine")
    found = judged(plan, creatinine, [0.7, 0.9, 1.2, 1.4, 3.1] * 4, inside=0)
    assert found
    assert found.factor == pytest.approx(88.4, abs=0.01)
    assert "is the unit mg/dl?" in found.words


def test_two_units_in_one_column(plan: Plan) -> None:
    found = judged(plan, number("cm"), [12.0] * 11 + [500.0], inside=60)
    assert found
    assert "11 of the 12 numbers out of range" in found.words
    assert "two units" in found.words


@pytest.mark.parametrize(
    "outside",
    [[12.0] * 9, [3.0, 40.0, 7000.0, 1e6, 1e9] * 3, [np.inf] * 20, [-1.0] * 20],
)
def test_few_or_scattered_strays_are_no_other_unit(plan: Plan, outside: list[float]) -> None:
    assert judged(plan, number("cm"), outside, inside=0) is None


@pytest.mark.parametrize(
    ("median", "factor"),
    [(1.7, None), (0.3, None), (13.0, None), (17.0, 0.1), (0.017, 100.0), (0.0, None), (-17, None)],
)
def test_a_median_far_from_the_centre(median: float, factor: float | None) -> None:
    found = far_from_centre(number("cm"), median)
    assert (found.factor if found else None) == factor


def test_no_value_is_in_the_words(plan: Plan, tmp_path: Path) -> None:
    found = [judged(plan, number("cm"), [12.3456] * 30, 0), far_from_centre(number("cm"), 17.3456)]
    assert all(suspicion and "3456" not in suspicion.words for suspicion in found)
