"""Files that were made, or happened, to be misread: each is refused by place, rule and remedy."""

from collections.abc import Callable
from pathlib import Path

import pytest

from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from site_node.data.check import Reading, inspect_extract, read_extract
from site_node.data.mapping_model import DayCount, FileFormat, SiteMapping
from site_node.data.sniff import sniff
from site_node.terminal import error_text

Write = Callable[[str | bytes], Path]

HEADER = "patient_id,age,cea,stage,arm,days,dead,relapse_days,relapse"
ROW = "A1,61,4.5,I,upfront,400,1,100,relapse"
OTHER = "A2,61,4.5,I,delayed,400,1,100,relapse"


def text(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    return "".join(row + end for row in (header, *rows))


def refused(path: Path, plan: Plan, mapping: SiteMapping | None = None) -> tuple[str, str, str]:
    """Where, which rule and how to mend it; the file stands in the message too."""
    with pytest.raises(ProblemsError) as error:
        read_extract(path, plan, mapping)
    assert error_text(error.value).startswith(f"error  {path}: 1 problem")
    (problem,) = error.value.problems
    assert problem.fix
    return problem.where, problem.rule, problem.fix


def rows_of(reading: Reading, variable: str) -> tuple[int, ...]:
    return next(found.rows for found in reading.counts if found.variable == variable)


def test_a_field_of_a_million_letters(write: Write, plan: Plan) -> None:
    where, rule, fix = refused(write(text(ROW, OTHER.replace("A2", "x" * 10**6))), plan)
    assert (where, rule) == ("line 3", "has a field of more than 10,000 bytes")
    assert "quotation mark" in fix


def test_a_nul_byte(write: Write, plan: Plan) -> None:
    where, rule, fix = refused(write(text(ROW, OTHER.replace("A2", "A\0002"))), plan)
    assert where == "line 3"
    assert "NUL" in rule
    assert "utf-16" in fix


@pytest.mark.parametrize("twice", ["age", "arm"])
def test_a_column_twice(write: Write, plan: Plan, twice: str) -> None:
    path = write(text(f"{ROW},9", header=f"{HEADER},{twice}"))
    where, rule, fix = refused(path, plan)
    assert (where, rule) == (f"column {twice}", "occurs 2 times in the header")
    assert fix == "keep the right one"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_quoted_fields_and_line_ends_are_read(write: Write, plan: Plan, end: str) -> None:
    ids = ['"A,1"', '"A\n1"', '"A\r\n1"', '"A""1"', '"""A1"""']
    rows = [ROW.replace("A1", id_, 1) for id_ in ids]
    found = read_extract(write(text(*rows, end=end)), plan).extract
    assert found.ids.tolist() == [b"A,1", b"A\n1", b"A\r\n1", b'A"1', b'"A1"']
    assert found.values["age"].tolist() == [61.0] * 5


@pytest.mark.parametrize("field", ['A"1', '"A"1', '"A1', 'A1"'])
def test_quotation_marks_astray(write: Write, plan: Plan, field: str) -> None:
    where, rule, _ = refused(write(text(OTHER, ROW.replace("A1", field, 1))), plan)
    assert where == "line 3"
    assert "quotation" in rule


@pytest.mark.parametrize("name", ["גיל", "العمر", "\u202eega", "\u200fage", "年齢", "a\u0308ge"])
def test_headers_of_any_script(write: Write, plan: Plan, name: str) -> None:
    header = HEADER.replace(",age,", f",{name},")
    mapping = SiteMapping(columns={"age": name})
    assert read_extract(write(text(ROW, header=header)), plan, mapping).extract.rows == 1
    where, rule, _ = refused(write(text(ROW, header=header)), plan)
    assert (where, rule) == ("column age", "is missing")


def test_marks_of_direction_are_shown_by_their_number(write: Write, plan: Plan) -> None:
    """On a screen the name would look right, or be read from the other end."""
    path = write(text(ROW, header=HEADER.replace(",age,", ",age\u200f,")))
    assert refused(path, plan)[2] == "did you mean 'age\\u200f'?"


def test_the_thirtieth_of_february(write: Write, plan: Plan) -> None:
    header = HEADER.replace("days", "OP", 1) + ",Ende"
    rows = [ROW.replace("400", day) + ",01.03.2013" for day in ("27.02.2013", "31.02.2013")]
    mapping = SiteMapping(
        file=FileFormat(dates="DD.MM.YYYY"),
        days={"days": DayCount.model_validate({"from": "OP", "to": "Ende"})},
    )
    path = write(text(rows[0], rows[1].replace("A1", "A2"), header=header))
    where, rule, fix = refused(path, plan, mapping)
    assert (where, rule.split(";")[0]) == ("days", "a day that no calendar has in 1 row")
    assert "day and month" in fix
    assert rows_of(inspect_extract(path, plan, mapping), "days") == (3,)


def test_decimal_signs_mixed(write: Write, plan: Plan) -> None:
    strict = plan.model_copy(
        update={
            "variables": tuple(
                v.model_copy(update={"invalid": "refuse"}) if v.name == "cea" else v
                for v in plan.variables
            )
        }
    )
    rows = [ROW.replace("4.5", '"4,5"'), OTHER]
    path = write(text(*rows))
    for mapping, row in ((None, 2), (SiteMapping(file=FileFormat(decimal=",")), 3)):
        where, rule, fix = refused(path, strict, mapping)
        assert (where, rule.split(";")[0]) == ("cea", "not a number in 1 row")
        assert "decimal comma" in fix
        assert rows_of(inspect_extract(path, strict, mapping), "cea") == (row,)


@pytest.mark.parametrize("cell", ["=cmd|'/c calc'!A0", "@SUM(1)", "+1+1", "-2+3"])
@pytest.mark.parametrize("column", [1, 3, 4, 5])
def test_formulas_are_no_values(write: Write, plan: Plan, cell: str, column: int) -> None:
    fields = ROW.split(",")
    fields[column] = cell
    path = write(text(OTHER, ",".join(fields)))
    where, rule, _ = refused(path, plan)
    assert where == HEADER.split(",")[column]
    assert rule.split(" in 1 row")[0] in ("not a number", "unknown level")
    assert rows_of(inspect_extract(path, plan), where) == (3,)


def test_a_formula_as_an_id_is_a_text(write: Write, plan: Plan) -> None:
    reading = read_extract(write(text(ROW.replace("A1", "=1+1"))), plan)
    assert reading.extract.ids.tolist() == [b"=1+1"]


def test_a_wrong_separator_is_refused(write: Write, plan: Plan) -> None:
    where, rule, fix = refused(write(text(ROW).replace(",", ";")), plan)
    assert (where, rule) == ("line 1", "names 0 of the 9 columns that the study needs")
    assert 'separator = ";"' in fix
    where, _, fix = refused(write(text(ROW)), plan, SiteMapping(file=FileFormat(separator=";")))
    assert where == "line 1"
    assert 'separator = ","' in fix


@pytest.mark.parametrize("first", [ROW, "1;2;3", "2013-04-03,x,y", ",,"])
def test_a_draft_repeats_no_first_line_that_may_be_a_patient(write: Write, first: str) -> None:
    rows = [first, first.replace("A1", "A2")]
    with pytest.raises(ProblemsError) as error:
        sniff(write("".join(row + "\n" for row in rows)))
    assert error.value.problems[0].where == "line 1"
    assert first not in error_text(error.value)
