import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.cohort import Extract
from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from site_node.data.check import inspect_extract, read_extract
from site_node.data.mapping_model import SiteMapping
from site_node.data.tally import ROWS_SHOWN
from site_node.terminal import error_text

Write = Callable[[str | bytes], Path]
Patient = dict[str, str]

REPOSITORY = Path(__file__).parents[3]
CANARY = "zq7391.5xkw"


def table(patients: list[Patient], columns: list[str] | None = None) -> str:
    names = columns or list(patients[0])
    lines = [names, *([patient[name] for name in names] for patient in patients)]
    return "".join(",".join(line) + "\n" for line in lines)


def patient(number: int, **other: str) -> Patient:
    usual = {
        "patient_id": f"A{number}",
        "age": "61",
        "cea": "4.5",
        "stage": "I",
        "arm": "upfront",
        "days": "400",
        "dead": "1",
        "relapse_days": "100",
        "relapse": "relapse",
    }
    return usual | other


def same(one: Extract, other: Extract) -> bool:
    pairs: list[tuple[Any, Any]] = [(one.ids, other.ids), (one.invalid, other.invalid)]
    pairs += [(one.values[name], other.values[name]) for name in one.values]
    equal = [a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in pairs]
    return all(equal) and one.values.keys() == other.values.keys()


patients = st.lists(
    st.fixed_dictionaries(
        {
            "age": st.integers(18, 100),
            "cea": st.none() | st.floats(0.1, 1000),
            "stage": st.sampled_from([0, 1, 2]),
            "arm": st.sampled_from([0, 1]),
            "days": st.integers(0, 4000),
            "dead": st.sampled_from([0, 1]),
            "relapse_days": st.integers(0, 4000),
            "relapse": st.sampled_from([-1, 0, 1, 2]),
        }
    ),
    min_size=1,
    max_size=12,
)
LEVELS = {
    "stage": ["I", "II", "not known"],
    "arm": ["delayed", "upfront"],
    "relapse": ["none", "relapse", "death", ""],
}


def spelled(values: dict[str, Any], number: int) -> Patient:
    """A patient's row as text; position -1 of the levels is an empty field."""
    texts = {
        name: LEVELS[name][value] if name in LEVELS else "" if value is None else repr(value)
        for name, value in values.items()
    }
    return {"patient_id": f"A{number}", **texts}


@settings(max_examples=40)
@given(patients, st.randoms(use_true_random=False), st.sampled_from([1, 7, 1 << 20]))
def test_tables_are_read_as_they_were_written(
    write: Write, plan: Plan, rows: list[dict[str, Any]], order: random.Random, block_bytes: int
) -> None:
    """The order of columns and the size of blocks make no difference."""
    written = [spelled(values, number) for number, values in enumerate(rows)]
    names = [*written[0], "a column that nobody needs"]
    order.shuffle(names)
    text = table([{**row, "a column that nobody needs": "x"} for row in written], names)
    found = read_extract(write(text), plan, block_bytes=block_bytes).extract
    assert found.ids.tolist() == [row["patient_id"].encode() for row in written]
    for name, values in found.values.items():
        wanted = [np.nan if row[name] is None else row[name] for row in rows]
        np.testing.assert_array_equal(values, np.array(wanted, dtype=values.dtype))
    assert not found.invalid.any()


@pytest.mark.parametrize("hospital", ["H1", "H2", "H3", "H4", "H5", "H6", "H7"])
def test_the_synthetic_hospitals_fit_their_plan(hospital: str) -> None:
    packaged = REPOSITORY / "riskset"
    text = (packaged / "plans" / "crlm.toml").read_text(encoding="utf-8")
    study, path = read_plan(text, "crlm.toml"), packaged / "data" / "crlm" / f"{hospital}.csv"
    reading = read_extract(path, study)
    assert reading.counts == ()
    assert reading.extract.rows == len(path.read_text(encoding="utf-8").splitlines()) - 1
    assert same(reading.extract, read_extract(path, study, block_bytes=7).extract)


def test_types_and_marks_of_an_extract(write: Write, plan: Plan) -> None:
    rows = [patient(1), patient(2, cea="", stage="", relapse=""), patient(3, cea="low")]
    found = read_extract(write(table(rows)), plan).extract
    assert {name: values.dtype.name for name, values in found.values.items()} == {
        "age": "float64",
        "cea": "float64",
        "stage": "int16",
        "arm": "int16",
        "days": "int32",
        "dead": "int8",
        "relapse_days": "int32",
        "relapse": "int16",
    }
    np.testing.assert_array_equal(found.values["cea"], [4.5, np.nan, np.nan])
    assert found.values["stage"].tolist() == [0, 2, 0]
    assert found.values["relapse"].tolist() == [1, -1, 1]
    assert found.invalid.tolist() == [False, False, True]
    assert found.ids.tolist() == [b"A1", b"A2", b"A3"]


def test_what_the_plan_lets_pass_is_counted(write: Write, plan: Plan) -> None:
    rows = [
        patient(1, cea="0"),
        patient(2, cea="", relapse_days=""),
        patient(3, relapse_days="", relapse="none"),
        patient(4, relapse=""),
    ]
    reading = read_extract(write(table(rows)), plan)
    assert [(v.variable, v.rule, v.count, v.effect, v.rows) for v in reading.counts] == [
        ("cea", "missing", 1, "complete-case", (3,)),
        ("cea", "out of range", 1, "exclude", (2,)),
        ("relapse_days", "missing", 2, "exclude", (3, 4)),
        # A relapse without its time is named; the end of follow-up without its time is not.
        ("relapse_days", "event without time", 1, "exclude", (3,)),
        ("relapse", "missing", 1, "complete-case", (5,)),
        ("relapse", "time without event status", 1, "complete-case", (5,)),
    ]


def test_row_numbers_are_those_of_a_spreadsheet(write: Write, plan: Plan) -> None:
    rows = [patient(n, age="x" if n % 2 else "61") for n in range(200)]
    for block_bytes in (64, 1 << 20):
        (found,) = inspect_extract(write(table(rows)), plan, block_bytes=block_bytes).counts
        assert found.count == 100
        assert found.rows == tuple(range(3, 3 + 2 * ROWS_SHOWN, 2))
    assert "rows=" not in repr(found)


def test_duplicates_are_found_across_blocks(write: Write, plan: Plan) -> None:
    rows = [patient(n % 90) for n in range(100)]
    (found,) = inspect_extract(write(table(rows)), plan, block_bytes=64).counts
    assert (found.rule, found.count, found.rows) == ("duplicate id", 10, tuple(range(92, 102)))


def test_ids_that_look_alike_are_not_the_same(write: Write, plan: Plan) -> None:
    """Ids are compared by their bytes: no numbers, no folding of letters."""
    ids = ["1", "01", "a", "A", "é", "e\u0301"]
    rows = [patient(0, patient_id=id_) for id_ in ids]
    assert read_extract(write(table(rows)), plan).extract.ids.tolist() == [i.encode() for i in ids]


def test_an_empty_id_is_no_duplicate(write: Write, plan: Plan) -> None:
    rows = [patient(0, patient_id=""), patient(0, patient_id=""), patient(1)]
    counts = inspect_extract(write(table(rows)), plan).counts
    assert [(found.rule, found.count) for found in counts] == [("empty id", 2)]


def test_a_mapping_renames_and_recodes(write: Write, plan: Plan) -> None:
    rows = [patient(1, arm="U", dead="yes"), patient(2, arm="D", dead="no")]
    text = table(rows).replace("patient_id,age", "Fallnummer,Alter", 1)
    names = SiteMapping(
        id="Fallnummer",
        columns={"age": "Alter"},
        levels={"arm": {"U": "upfront", "D": "delayed"}, "dead": {"yes": "1", "no": "0"}},
    )
    plain = [patient(1), patient(2, arm="delayed", dead="0")]
    mapped = read_extract(write(text), plan, names).extract
    assert same(mapped, read_extract(write(table(plain)), plan).extract)


def test_one_column_may_serve_two_variables(write: Write, plan: Plan) -> None:
    """A code of many levels may hold two variables at once, each with spellings of its own."""
    rows = [patient(1, relapse="A"), patient(2, relapse="B"), patient(3, relapse="C")]
    ended = {"A": "none", "B": "relapse", "C": "death"}
    died = {"A": "0", "B": "0", "C": "1"}
    names = SiteMapping(columns={"dead": "relapse"}, levels={"relapse": ended, "dead": died})
    found = read_extract(write(table(rows)), plan, names).extract
    assert found.values["relapse"].tolist() == [0, 1, 2]
    assert found.values["dead"].tolist() == [0, 0, 1]


@pytest.mark.parametrize("column", [*patient(0)])
@pytest.mark.parametrize("form", ["{}", " {}", "7{}", '"{}\n"', '"{}', 'x"{}', "{}\0", "{},{}"])
def test_no_value_is_ever_repeated(write: Write, plan: Plan, column: str, form: str) -> None:
    """Neither in errors nor in what stands beside the counts, wherever in the file it is."""
    text = table([patient(1), patient(2, **{column: form.format(CANARY, CANARY)}), patient(1)])
    path = write(text)
    with pytest.raises(ProblemsError) as refused:
        read_extract(path, plan)
    said = error_text(refused.value) + repr(refused.value) + repr(refused.value.problems)
    assert "zq7391" not in said
    # Without a header the first patient would be taken for one.
    path = write("".join(text.splitlines(keepends=True)[2:]))
    with pytest.raises(ProblemsError) as refused:
        read_extract(path, plan)
    assert "zq7391" not in error_text(refused.value)


def test_other_columns_may_be_double(write: Write, plan: Plan) -> None:
    text = table([patient(1) | {"note": "x", "note ": "y"}]).replace("note ", "note")
    assert read_extract(write(text), plan).extract.rows == 1


def test_second_choice_of_the_id_column(write: Write, plan: Plan) -> None:
    text = table([patient(1)]).replace("patient_id", "id", 1)
    assert read_extract(write(text), plan).extract.ids.tolist() == [b"A1"]
