from pathlib import Path

import pytest

from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from site_node.data.header import ID, choose_columns
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping

GOOD = """
id = "Fallnummer"

[columns]
age = "Alter"

[levels.arm]
"sofort" = "upfront"
"später" = "delayed"
"?" = ""
"""


def problems(text: str | bytes, plan: Plan, folder: Path) -> list[tuple[str, str, str]]:
    path = folder / "mapping.toml"
    path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
    with pytest.raises(ProblemsError) as refused:
        read_mapping(path, plan)
    return [(problem.where, problem.rule, problem.fix) for problem in refused.value.problems]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_a_mapping_is_read(plan: Plan, tmp_path: Path, mark: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(mark + GOOD, encoding="utf-8")
    assert read_mapping(path, plan) == SiteMapping(
        id="Fallnummer",
        columns={"age": "Alter"},
        levels={"arm": {"sofort": "upfront", "später": "delayed", "?": ""}},
    )


def test_everything_wrong_is_said_at_once(plan: Plan, tmp_path: Path) -> None:
    text = """
        [columns]
        aeg = "Alter"
        smoker = "Raucher"
        [levels.arms]
        "1" = "upfront"
        [levels.arm]
        "1" = "Upfront"
        "2" = "both"
        [levels.days]
        "x" = "1"
    """
    unknown = "is no variable of the plan"
    assert problems(text, plan, tmp_path) == [
        ("columns.aeg", unknown, "did you mean 'age'?"),
        ("columns.smoker", unknown, "use a name of the plan's variables"),
        ("levels.arms", unknown, "did you mean 'arm'?"),
        ("levels.arm", "the plan has no level 'Upfront'", "did you mean 'upfront'?"),
        ("levels.arm", "the plan has no level 'both'", "the levels are delayed, upfront"),
        ("levels.days", "days has no levels in the plan", "leave the table out"),
    ]


def test_shapes_and_keys(plan: Plan, tmp_path: Path) -> None:
    text = """
        id = 3
        column = "x"
        levels = "none"
        [columns]
        age = 1
    """
    assert problems(text, plan, tmp_path) == [
        ("id", "has to be text in quotation marks", "see docs/mapping.md"),
        ("columns.age", "has to be text in quotation marks", "see docs/mapping.md"),
        ("levels", "has to be a table", "see docs/mapping.md"),
        ("column", "is no key of a mapping", "did you mean 'columns'?"),
    ]


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (b'id = "\xe9"', "is not UTF-8"),
        (b"id = patient", "is not TOML: Invalid value (at line 1, column 6)"),
        (b"id = " + b"[" * 5000, "nests too deeply or holds a number with too many digits"),
    ],
)
def test_no_toml(plan: Plan, tmp_path: Path, text: bytes, rule: str) -> None:
    assert [said for _, said, _ in problems(text, plan, tmp_path)] == [rule]


def test_a_missing_file(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="cannot be read"):
        read_mapping(tmp_path / "none.toml", plan)


HEADER = ["patient_id", "age", "cea", "stage", "arm", "days", "dead", "relapse_days", "relapse"]


def test_columns_are_found_by_name(plan: Plan) -> None:
    header = ["note", *reversed(HEADER)]
    found = choose_columns("x.csv", header, plan, SiteMapping())
    assert {name: header[position] for name, position in found.items()} == {
        ID: "patient_id",
        **{variable.name: variable.name for variable in plan.variables},
    }


def test_a_renamed_column_is_looked_for_under_its_new_name_only(plan: Plan) -> None:
    with pytest.raises(ProblemsError) as refused:
        choose_columns("x.csv", HEADER, plan, SiteMapping(columns={"age": "Alter"}))
    (problem,) = refused.value.problems
    assert (problem.where, problem.rule) == ("column Alter", "is missing")


@pytest.mark.parametrize(
    ("theirs", "fix"),
    [
        ("Relapse Days", "did you mean 'Relapse Days'?"),
        ("relapse_day", "did you mean 'relapse_day'?"),
        (
            "t2",
            'add it, or name the right one in a mapping file: [columns] relapse_days = "..."',
        ),
    ],
)
def test_the_nearest_column_is_named(plan: Plan, theirs: str, fix: str) -> None:
    header = [theirs if name == "relapse_days" else name for name in HEADER]
    with pytest.raises(ProblemsError) as refused:
        choose_columns("x.csv", header, plan, SiteMapping())
    assert [problem.fix for problem in refused.value.problems] == [fix]
