from decimal import Decimal
from pathlib import Path

import pytest

from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from riskset.plans import read_builtin
from site_node.data.header import ID, choose_columns, end_of, start_of
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import DayCount, FileFormat, SiteMapping
from site_node.data.source import Dialect

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


WHOLE = """
id = "Nr"
[file]
encoding = "latin-1"
separator = ";"
decimal = ","
missing = ["k. A."]
trim = true
dates = "DD.MM.YYYY"
[missing]
cea = ["-"]
[units]
cea = 0.001
[days.days]
from = "OP"
to = "Ende"
[days.relapse_days]
from = "OP"
to = "Rezidiv"
dates = "YYYY-MM-DD"
"""


def test_everything_that_a_mapping_may_say(plan: Plan, tmp_path: Path) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(WHOLE, encoding="utf-8")
    mapping = read_mapping(path, plan)
    assert mapping.dialect == Dialect("latin-1", ";")
    cea, days = mapping.notation("cea"), mapping.notation("days")
    assert (cea.missing, cea.decimal, cea.trim) == (("-",), ",", True)
    assert cea.factor == Decimal("0.001")
    assert (days.missing, days.dates) == (("k. A.",), "DD.MM.YYYY")
    assert mapping.notation("relapse_days").dates == "YYYY-MM-DD"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('[file]\nseperator = ";"', ("file.seperator", "is no key", "did you mean 'separator'?")),
        ("[fiel]\ntrim = true", ("fiel", "is no key of a mapping", "did you mean 'file'?")),
        (
            '[file]\nencoding = "utf8"',
            ("file.encoding", "has to be one of 'utf-8', ", "did you mean 'utf-8'?"),
        ),
        ('[file]\nseparator = " "', ("file.separator", "has to be one of ',', ", "see docs")),
        ('[file]\ntrim = "yes"', ("file.trim", "has to be true or false", "see docs")),
        ('[file]\nmissing = "NA"', ("file.missing", "has to be a list of texts", "see docs")),
        ("[file]\nmissing = [1]", ("file.missing.0", "has to be text in quotation", "see docs")),
        ('[file]\ndates = "%d"', ("file.dates", "write a form as people do", "see docs")),
        ("file = 1", ("file", "has to be a table", "see docs")),
        ('[units]\ncea = "mm"', ("units.cea", "has to be a number", "see docs")),
        ("[units]\ncea = -1", ("units.cea", "has to be a number above 0", "see docs")),
        ("[units]\ncea = 0", ("units.cea", "has to be a number above 0", "see docs")),
        ("[units]\ncea = inf", ("units.cea", "has to be a", "see docs")),
        ("[units]\ncea = nan", ("units.cea", "has to be a", "see docs")),
        ("[units]\nage = true", ("units.age", "has to be a number", "see docs")),
        ("[units]\nstage = 2", ("units.stage", "stage is no number", "[levels.stage]")),
        ("[units]\nsize = 2", ("units.size", "is no variable of the plan", "use a name")),
        ('[missing]\nsex = ["-"]', ("missing.sex", "is no variable of the plan", "use a name")),
        ('[days.days]\nfrom = "a"', ("days.days.to", "is missing", "see docs")),
        ('[days.days]\nfrom = "a"\nto = "b"\nuntil = "c"', ("days.days.until", "no key", "from")),
        ('[days.age]\nfrom = "a"\nto = "b"', ("days.age", "age is no time", "leave the table")),
        ('[days.dais]\nfrom = "a"\nto = "b"', ("days.dais", "no variable", "did you mean 'days'?")),
        (
            '[columns]\ndays = "x"\n[days.days]\nfrom = "a"\nto = "b"',
            ("days.days", "is read from a column and counted from dates too", "keep either"),
        ),
        (
            '[units]\ndays = 7\n[days.days]\nfrom = "a"\nto = "b"',
            ("units.days", "need no factor", "leave it out"),
        ),
        (
            '[file]\nmissing = ["not known"]',
            (
                "file.missing",
                "'not known' is a level of stage, and would be read as missing",
                "[missing]",
            ),
        ),
    ],
)
def test_a_wrong_line_is_told(
    plan: Plan, tmp_path: Path, text: str, told: tuple[str, str, str]
) -> None:
    where, rule, fix = told
    ((place, said, mend),) = problems(text, plan, tmp_path)
    assert place == where
    assert rule in said
    assert fix in mend


@pytest.mark.parametrize(
    "told", ['[missing]\nstage = ["not known"]', '[levels.stage]\n"not known" = ""']
)
def test_a_level_may_be_said_to_be_missing(plan: Plan, tmp_path: Path, told: str) -> None:
    path = tmp_path / "mapping.toml"
    path.write_text(f'[file]\nmissing = ["not known"]\n{told}\n', encoding="utf-8")
    assert read_mapping(path, plan).file.missing == ("not known",)


def test_months_are_not_counted_in_days(plan: Plan, tmp_path: Path) -> None:
    study = plan.study.model_copy(update={"time_unit": "month"})
    monthly = plan.model_copy(update={"study": study})
    text = '[days.days]\nfrom = "a"\nto = "b"\n'
    ((where, rule, _),) = problems(text, monthly, tmp_path)
    assert (where, rule) == ("days.days", "the plan counts times in months, and dates give days")


def test_the_example_is_a_mapping_of_the_seed_study() -> None:
    study = read_plan(read_builtin("crlm"), "crlm.toml")
    example = Path(__file__).parents[3] / "deploy" / "mapping.example.toml"
    mapping = read_mapping(example, study)
    assert not [key for key in type(mapping).model_fields if not getattr(mapping, key)]


def test_every_key_is_explained() -> None:
    text = (Path(__file__).parents[3] / "docs" / "mapping.md").read_text(encoding="utf-8")
    keys = [*SiteMapping.model_fields, *FileFormat.model_fields, "from", "to"]
    assert not [key for key in keys if f"`{key}`" not in text and f"`[{key}" not in text]


def test_dates_have_two_columns(plan: Plan) -> None:
    days = DayCount.model_validate({"from": "OP", "to": "Ende"})
    header = [*HEADER, "OP", "Ende"]
    header.remove("days")
    found = choose_columns("x.csv", header, plan, SiteMapping(days={"days": days}))
    assert header[found[start_of("days")]] == "OP"
    assert header[found[end_of("days")]] == "Ende"
    assert "days" not in found
    header.remove("OP")
    with pytest.raises(ProblemsError) as refused:
        choose_columns("x.csv", header, plan, SiteMapping(days={"days": days}))
    (problem,) = refused.value.problems
    assert (problem.where, problem.rule) == ("column OP", "is missing")
    assert "[days.days]" in problem.fix


@pytest.mark.parametrize("header", ["Größe", "Gro\u0308ße"])
@pytest.mark.parametrize("named", ["Größe", "Gro\u0308ße"])
def test_a_name_may_be_composed_or_not(plan: Plan, header: str, named: str) -> None:
    names = ["patient_id", header, *HEADER[2:]]
    assert choose_columns("x.csv", names, plan, SiteMapping(columns={"age": named}))["age"] == 1


def test_names_written_in_two_ways_are_one_name(plan: Plan) -> None:
    names = [*HEADER, "ä", "a\u0308"]
    with pytest.raises(ProblemsError, match="column ä: occurs 2 times"):
        choose_columns("x.csv", names, plan, SiteMapping(columns={"age": "ä"}))


def test_blanks_around_names_are_taken_off_on_request(plan: Plan) -> None:
    names = [f" {name}\t" for name in HEADER]
    trim = SiteMapping(file=FileFormat(trim=True))
    assert choose_columns("x.csv", names, plan, trim)["age"] == 1
    with pytest.raises(ProblemsError):
        choose_columns("x.csv", names, plan, SiteMapping())


@pytest.mark.parametrize(
    ("table", "fine"),
    [
        ('2 = "1"', False),
        ('2 = "1"\n9 = ""', False),
        ('2 = "1"\n1 = "0"', True),
        ('2 = "0"', True),
        ('2 = "1"\n0 = "0"', True),
        ('tot = "1"', True),
        ('9 = ""', True),
    ],
)
def test_two_codes_of_one_event_have_to_be_meant(
    plan: Plan, tmp_path: Path, table: str, fine: bool
) -> None:
    text = f"[levels.dead]\n{table}\n"
    if fine:
        (tmp_path / "mapping.toml").write_text(text, encoding="utf-8")
        assert read_mapping(tmp_path / "mapping.toml", plan).levels["dead"]
    else:
        ((where, rule, fix),) = problems(text, plan, tmp_path)
        assert (where, rule) == ("levels.dead", "both '2' and '1' would be read as '1'")
        assert "say what 1 stands for" in fix
