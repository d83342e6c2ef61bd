"""The draft of a mapping: always a mapping, never a value that was not asked for."""

import tomllib
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.errors import ProblemsError
from protocol.plan.model import Plan
from protocol.plan.read import read_plan
from riskset.plans import read_builtin
from site_node.data.check import read_extract
from site_node.data.draft import MappingExistsError, draft, write_draft
from site_node.data.mapping import read_mapping
from site_node.data.mapping_model import SiteMapping
from site_node.data.propose_levels import quoted
from site_node.data.similar import similarity
from site_node.data.sniff import sniff

Write = Callable[[str | bytes], Path]

DATA = Path(__file__).parents[3] / "riskset" / "data"
HOSPITALS = ["H1", "H2", "H3", "H4", "H5", "H6", "H7"]
HEADER = "patient_id,age,cea,stage,arm,days,dead,relapse_days,relapse"


@pytest.fixture(scope="module")
def study() -> Plan:
    return read_plan(read_builtin("crlm"), "crlm.toml")


def mapping_of(text: str, plan: Plan, folder: Path) -> SiteMapping:
    path = folder / "mapping.toml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path, plan)


@pytest.mark.parametrize("hospital", HOSPITALS)
@pytest.mark.parametrize("values", [False, True])
def test_a_draft_is_a_mapping_and_right_in_what_it_states(
    hospital: str, values: bool, study: Plan, tmp_path: Path
) -> None:
    """What is stated is what the hospital's own mapping says; the rest is left to decide."""
    found = draft(DATA / "crlm-messy" / f"{hospital}.csv", study, values=values)
    stated = mapping_of(found.text, study, tmp_path)
    right = read_mapping(DATA / "crlm-messy" / "mappings" / f"{hospital}.toml", study)
    assert stated.id == right.id
    assert stated.file.separator == right.file.separator
    assert stated.file.decimal == right.file.decimal
    assert stated.file.dates == right.file.dates
    assert stated.file.trim == right.file.trim
    assert stated.columns.items() <= right.columns.items()
    assert stated.units.items() <= right.units.items()
    for name, spellings in stated.levels.items():
        assert spellings.items() <= right.levels.get(name, {}).items()
    assert found.decisions


def test_units_and_dates_that_the_file_leaves_no_doubt_of(study: Plan, tmp_path: Path) -> None:
    text = draft(DATA / "crlm-messy" / "H2.csv", study).text
    stated = mapping_of(text, study, tmp_path)
    assert stated.units == {"max_diameter_cm": 0.1}
    assert stated.file.dates == "DD.MM.YYYY"
    assert "# [days.dfs_days]" in text
    assert '"index_date", "recurrence_or_last_date", "death_or_last_date"' in text


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_a_clean_extract_needs_no_mapping(hospital: str, study: Plan, tmp_path: Path) -> None:
    found = draft(DATA / "crlm" / f"{hospital}.csv", study)
    assert found.decisions == ()
    path = DATA / "crlm" / f"{hospital}.csv"
    assert read_extract(path, study, mapping_of(found.text, study, tmp_path)).counts == ()


@pytest.mark.parametrize("hospital", HOSPITALS)
def test_no_value_is_shown_unasked(hospital: str, study: Plan) -> None:
    """Only column names, the plan's words, and words that everybody knows."""
    path = DATA / "crlm-messy" / f"{hospital}.csv"
    sniffed = sniff(path)
    text = draft(path, study).text
    known = study.model_dump_json().casefold() + " ".join(sniffed.header).casefold()
    known += text[: text.index("[")].casefold()
    allowed = {"yes", "no", "ja", "nein", "m", "f", "y", "n", "na", "n/a", "k. a.", "-"}
    allowed |= {"männlich", "weiblich", "none", "left_colon", "right_colon"}
    values = {v.strip() for column in sniffed.columns for v in column.spellings}
    odd = [v for v in values if v.casefold() not in known and v.casefold() not in allowed]
    assert odd
    assert not [value for value in odd if f'"{value}"' in text]


def test_spellings_and_rows_on_request(study: Plan) -> None:
    path = DATA / "crlm-messy" / "H1.csv"
    assert "after chemotherapy" not in draft(path, study).text
    asked = draft(path, study, rows=2, values=True)
    assert '# "after chemotherapy" = "..."' in asked.text
    assert [row[0] for row in asked.rows] == ["P001", "P002"]
    assert '#   "PatientID" "P002"' in asked.rows_text()
    assert "P001" not in asked.text
    assert "rows" not in draft(path, study).as_json()


def test_codes_are_never_taken_for_levels(study: Plan, tmp_path: Path) -> None:
    """Where 2 is the event, 1 is its absence: that 1 is also a level of the plan says nothing."""
    found = draft(DATA / "crlm-messy" / "H7.csv", study)
    assert (
        "dfs_event" not in mapping_of(found.text, study, tmp_path).levels
        or not (mapping_of(found.text, study, tmp_path).levels["dfs_event"])
    )
    header, first = "patient_id,os_event", "1"
    assert any("DFS_S" in decision for decision in found.decisions), (header, first)


@pytest.mark.parametrize(
    ("dates", "stated"),
    [
        (["03/04/2013", "13/04/2013"], 'dates = "DD/MM/YYYY"'),
        (["03/04/2013", "04/13/2013"], 'dates = "MM/DD/YYYY"'),
        (["3/4/2013", "13/4/2013"], 'dates = "D/M/YYYY"'),
        (["03-APR-2013", "13-MAY-2013"], 'dates = "DD-MMM-YYYY"'),
        (["03.04.2013 00:00", "13.04.2013 00:00"], 'dates = "DD.MM.YYYY hh:mm"'),
        (["2013-04-03", "2013-04-13"], ""),
        (["03/04/2013", "05/06/2013"], "# decide: 03/04/2013 can be 3 April or 4 March"),
    ],
)
def test_the_form_of_dates_is_stated_or_asked(
    write: Write, plan: Plan, dates: list[str], stated: str
) -> None:
    rows = [f"A{n},{day}\n" for n, day in enumerate(dates)]
    text = draft(write("patient_id,date of operation\n" + "".join(rows)), plan).text
    lines = [line for line in text.splitlines() if "dates =" in line or "3 April" in line]
    assert lines[0].startswith(stated) if stated else not lines
    if "decide" in stated:
        assert [line for line in lines if line.startswith("# dates")] == [
            '# dates = "DD/MM/YYYY"',
            '# dates = "MM/DD/YYYY"',
        ]


@pytest.mark.parametrize(
    ("raw", "lines"),
    [
        ("\ufeff" + HEADER, ["byte order mark"]),
        (("\ufeff" + HEADER + "\n").encode("utf-16-le"), ['encoding = "utf-16"']),
        ((HEADER + ",Größe\n").encode("cp1252"), ['encoding = "windows-1252"', "windows-1250"]),
        (HEADER.replace(",", "\t"), ['separator = "\\t"']),
        (HEADER.replace(",", "|"), ['separator = "|"']),
        (HEADER + '\nA1,61,"4,5",,,,,,\nA2,61,4.5,,,,,,', ["points and commas"]),
    ],
)
def test_the_file_is_looked_at(
    write: Write, plan: Plan, tmp_path: Path, raw: str | bytes, lines: list[str]
) -> None:
    text = draft(write(raw), plan).text
    assert all(line in text for line in lines)
    mapping_of(text, plan, tmp_path)


@settings(max_examples=40)
@given(
    st.lists(st.text(max_size=12), min_size=1, max_size=6),
    st.lists(st.text(max_size=6), min_size=6, max_size=6),
    st.booleans(),
)
def test_any_names_and_values_give_a_mapping_or_a_refusal(
    write: Write, plan: Plan, names: list[str], cells: list[str], values: bool
) -> None:
    """Quotation marks, line breaks and marks of direction in names do not break the draft."""

    def line(fields: list[str]) -> str:
        return ",".join('"' + field.replace('"', '""') + '"' for field in fields) + "\n"

    raw = line(names) + line(cells[: len(names)])
    try:
        found = draft(write(raw.encode("utf-8", "replace")), plan, values=values)
    except ProblemsError:
        return
    SiteMapping.model_validate(tomllib.loads(found.text))


@given(st.text())
def test_texts_survive_quoting(text: str) -> None:
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("column", "stated", "left"),
    [
        (["ja", "nein"], {"ja": "1", "nein": "0"}, 0),
        (["Y", "N", ""], {"Y": "1", "N": "0"}, 0),
        (["1", "0"], {}, 0),
        (["1", "2"], {}, 1),
        (["yes", "perhaps"], {"yes": "1"}, 1),
        (["=cmd", '"', "x\u202ey"], {}, 1),
    ],
)
def test_spellings_of_yes_and_no(
    write: Write, plan: Plan, column: list[str], stated: dict[str, str], left: int
) -> None:
    quoted_rows = [
        f'A{n},"{text.replace(chr(34), chr(34) * 2)}"\n' for n, text in enumerate(column)
    ]
    found = draft(write("patient_id,dead\n" + "".join(quoted_rows)), plan, values=True)
    mapping = SiteMapping.model_validate(tomllib.loads(found.text))
    assert mapping.levels.get("dead", {}) == stated
    assert len([decision for decision in found.decisions if '"dead"' in decision]) == left


def test_likely_names_score_higher(study: Plan) -> None:
    pairs = [
        ("age", "Alter", "Ablation date"),
        ("sex", "Geschlecht", "RAS"),
        ("os_event", "verstorben", "UAW"),
        ("cea_ng_ml", "CEA_ug_per_L", "number"),
        ("max_diameter_cm", "diam_mm", "n_mets"),
    ]
    for name, right, wrong in pairs:
        variable = study.variable(name)
        assert similarity(variable, right) > max(0.6, similarity(variable, wrong))
    assert similarity(study.variable("age"), "") == 0


def test_a_file_is_never_replaced(write: Write, plan: Plan, tmp_path: Path) -> None:
    found = draft(write(HEADER + "\n"), plan)
    write_draft(found, tmp_path / "mapping.toml")
    with pytest.raises(MappingExistsError, match="nothing is overwritten"):
        write_draft(found, tmp_path / "mapping.toml")
    assert (tmp_path / "mapping.toml").read_text(encoding="utf-8") == found.text
