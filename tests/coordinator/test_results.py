"""Results as files: nothing is lost on the way, and nothing half-done is left behind."""

import csv
import json
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coordinator.report.estimates import ESTIMATES
from coordinator.report.tidy import TABLES
from coordinator.results import (
    SCHEMA_FILE,
    ResultsFileError,
    read_results,
    results_schema,
    results_text,
    schema_text,
    staged,
    write_results,
)
from protocol.results.values.estimates import Pair
from tests.coordinator.examples import both, competing, nothing, results

KINDS: dict[str, Any] = {
    "object": dict,
    "array": list,
    "string": str,
    "boolean": bool,
    "null": type(None),
    "number": (int, float),
}


def fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    """Validate by the keywords that the schema uses; another keyword is a KeyError."""
    if "$ref" in schema:
        return fits(value, root["$defs"][schema["$ref"].removeprefix("#/$defs/")], root)
    if "anyOf" in schema:
        return any(fits(value, option, root) for option in schema["anyOf"])
    if "enum" in schema:
        return value in schema["enum"]
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    return any(_is(value, kind) for kind in kinds) and _inside_fits(value, schema, root)


def _inside_fits(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> bool:
    if isinstance(value, list):
        return all(fits(item, schema["items"], root) for item in value)
    if isinstance(value, dict):
        known = schema["properties"]
        assert schema["additionalProperties"] is False
        assert set(schema["required"]) == known.keys()
        return value.keys() == known.keys() and all(
            fits(item, known[key], root) for key, item in value.items()
        )
    return True


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return type(value) is int
    return isinstance(value, KINDS[kind]) and (kind == "boolean" or not isinstance(value, bool))


STUDIES = {"matched": results(), "weighted": both(), "causes": competing(), "nothing": nothing()}


@pytest.mark.parametrize("found", STUDIES.values(), ids=STUDIES.keys())
def test_what_is_written_reads_back(found: Any, tmp_path: Path) -> None:
    path = write_results(found, tmp_path)[0]
    # NaN differs from itself, so texts are compared; they tell every double apart.
    assert results_text(read_results(path)) == results_text(found)


def test_full_precision_and_numbers_that_do_not_exist(tmp_path: Path) -> None:
    exact = replace(results().survival[0], follow_up=Pair(0.1 + 0.2, math.nan))
    path = write_results(replace(results(), survival=(exact,)), tmp_path)[0]
    again = read_results(path).survival[0].follow_up
    assert again.comparator == 0.30000000000000004
    assert math.isnan(again.treated)
    written = json.loads(path.read_text(encoding="utf-8"))
    assert written["survival"][0]["follow_up"]["treated"] is None
    assert written["binary"][0]["odds_ratio"]["conf_high"] == "Infinity"
    assert read_results(path).binary[0].odds_ratio.conf_high == math.inf


def test_the_schema_is_the_one_that_is_shipped() -> None:
    """If this fails, write `schema_text()` to the shipped file, and think of the version."""
    assert SCHEMA_FILE.read_text(encoding="utf-8") == schema_text()


def test_the_schema_accepts_results_and_nothing_else() -> None:
    schema: Any = results_schema()
    data = json.loads(results_text(results()))
    assert fits(data, schema, schema)
    for other in STUDIES.values():
        assert fits(json.loads(results_text(other)), schema, schema)
    for path, value in ((("flow", "rows"), 2.5), (("study", "title"), None), (("extra",), 1)):
        broken = json.loads(results_text(results()))
        place = broken
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        assert not fits(broken, schema, schema)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda data: data.update(schema="riskset-results/0"), "is no file of schema"),
        (lambda data: data.pop("flow"), "results: has other keys than"),
        (lambda data: data.update(more=1), "results: has other keys than"),
        (lambda data: data["flow"].update(rows="25"), "results.flow.rows: is no int"),
        (lambda data: data["flow"].update(rows=True), "results.flow.rows: is no int"),
        (lambda data: data["propensity"].update(deviance="2"), "propensity.deviance: is no number"),
        (lambda data: data.update(survival={}), "results.survival: is no list"),
        (lambda data: data.update(flow=[]), "results.flow: has other keys than"),
    ],
)
def test_other_files_are_refused(change: Any, told: str, tmp_path: Path) -> None:
    data = json.loads(results_text(results()))
    change(data)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(ResultsFileError, match=re.escape(told)):
        read_results(path)


def test_no_json_and_no_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    with pytest.raises(ResultsFileError, match="cannot be read as JSON"):
        read_results(path)
    path.write_bytes(b"\xff{")
    with pytest.raises(ResultsFileError, match="cannot be read as JSON"):
        read_results(path)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_tables_are_tidy(tmp_path: Path) -> None:
    write_results(results(), tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"results.json", *TABLES}
    rows = rows_of(tmp_path / "estimates.csv")
    assert tuple(rows[0]) == (*ESTIMATES, "simulated")
    for name in TABLES:  # every output of a simulation says so
        assert {row["simulated"] for row in rows_of(tmp_path / name)} <= {"yes"}
    assert {"term", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "events"} <= {
        *rows[0]
    }
    ratio = next(
        row
        for row in rows
        if (row["term"], row["method"], row["population"]) == ("hazard ratio", "efron", "matched")
    )
    assert (ratio["estimate"], ratio["std_error"], ratio["conf_low"]) == ("0.61", "0.25", "0.37")
    assert (ratio["n"], ratio["events"], ratio["arm"]) == ("18", "4", "treated - comparator")
    median = [row for row in rows if row["term"] == "quantile" and row["arm"] == "New"]
    assert {(row["estimate"], row["n"], row["events"]) for row in median} == {("", "8", "1")}
    terms = {row["term"] for row in rows}
    assert {"survival", "survival difference", "restricted mean time", "risk"} <= terms


def test_every_point_of_every_curve(tmp_path: Path) -> None:
    write_results(results(), tmp_path)
    rows = rows_of(tmp_path / "curves.csv")
    assert len(rows) == 2 * (5 + 2)
    assert (rows[3]["arm"], rows[3]["time"], rows[3]["n_risk"]) == ("Old", "400.0", "6.0")
    assert float(rows[3]["estimate"]) == 2 / 3
    flow = {(row["stage"], row["arm"]): row["n"] for row in rows_of(tmp_path / "flow.csv")}
    assert flow["matched", "New"] == "8"
    assert flow["excluded", ""] == "5"


def test_causes_have_rows_of_their_own(tmp_path: Path) -> None:
    write_results(competing(), tmp_path)
    rows = [row for row in rows_of(tmp_path / "estimates.csv") if row["cause"]]
    assert {(row["cause"], row["population"]) for row in rows} == {
        *(("os", "all"), ("death", "all"), ("os", "matched"), ("death", "matched")),
    }
    terms = ("cause-specific hazard ratio", "subdistribution hazard ratio", "Gray's test")
    found = {row["term"]: row for row in rows if (row["cause"], row["population"]) == ("os", "all")}
    assert [found[term]["estimate"] for term in terms] == ["0.71", "0.82", ""]
    assert [found[term]["n"] for term in terms] == ["18", "18", "18"]
    assert found["Gray's test"]["p_value"] == "0.403"
    here = found["cumulative incidence"]
    assert (here["arm"], here["time"], here["estimate"], here["n"], here["events"]) == (
        *("New", "365.0", "0.125", "8", "1"),
    )
    curves = rows_of(tmp_path / "incidence.csv")
    assert len(curves) == 2 * 2 * 2 * 3
    assert (curves[2]["cause"], curves[2]["arm"], curves[2]["estimate"]) == ("os", "Old", "0.25")


def test_weighted_risks_are_robust_and_have_no_other_tests(tmp_path: Path) -> None:
    write_results(both(), tmp_path)
    rows = [row for row in rows_of(tmp_path / "estimates.csv") if row["endpoint"] == "harm"]
    own = {row["term"]: row for row in rows if row["population"] == "overlap"}
    assert (own["risk difference"]["method"], own["risk difference"]["p_value"]) == (
        *("robust", "0.384"),
    )
    assert "chi-square test" not in own
    assert "chi-square test" in {row["term"] for row in rows if row["population"] == "matched"}
    contrasts = [r for r in rows_of(tmp_path / "estimates.csv") if r["term"].startswith("survival")]
    assert {r["method"] for r in contrasts if r["population"] == "overlap"} >= {"robust"}


def write_half(folder: Path, error: BaseException) -> None:
    with staged(folder) as place:
        (place / "old").write_text("half", encoding="utf-8")
        raise error


def test_a_failure_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_half(tmp_path / "a" / "b", KeyboardInterrupt())
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("kept", encoding="utf-8")
    with pytest.raises(RuntimeError):
        write_half(tmp_path, RuntimeError())
    assert [path.name for path in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text(encoding="utf-8") == "kept"


def test_files_arrive_together_and_replace_older_ones(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "old").write_text("1", encoding="utf-8")
    with staged(tmp_path) as place:
        (place / "sub").mkdir()
        (place / "sub" / "old").write_text("2", encoding="utf-8")
        (place / "new").write_text("3", encoding="utf-8")
        assert (tmp_path / "sub" / "old").read_text(encoding="utf-8") == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "sub"]
    assert (tmp_path / "sub" / "old").read_text(encoding="utf-8") == "2"
