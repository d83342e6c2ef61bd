"""`riskset plan` says what is wrong on stderr, results on stdout, and the status tells which."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from protocol.errors import Exit
from protocol.plan.digest import plan_digest
from protocol.plan.read import read_plan
from protocol.plan.words import handle
from riskset import plan_cli
from riskset.plan_cli import app
from riskset.plans import read_builtin, read_schema

HANDLE = handle(plan_digest(read_plan(read_builtin("crlm"), "crlm.toml")))


def run(*arguments: str | Path, **environment: str) -> Result:
    env = {"RISKSET_DEBUG": None, "FORCE_COLOR": None, "NO_COLOR": None, **environment}
    return CliRunner().invoke(app, [str(argument) for argument in arguments], env=env)


@pytest.fixture
def crlm(tmp_path: Path) -> Path:
    path = tmp_path / "crlm.toml"
    path.write_text(read_builtin("crlm"), encoding="utf-8")
    return path


@pytest.fixture
def broken(crlm: Path) -> Path:
    text = crlm.read_text(encoding="utf-8")
    text = text.replace("min_sites = 3", "min_sites = 1").replace("centre = 60", "centre = 6")
    crlm.write_text(text, encoding="utf-8")
    return crlm


@pytest.mark.parametrize(("template", "builtin"), [("blank", "template"), ("crlm", "crlm")])
def test_new_writes_a_plan_that_checks(tmp_path: Path, template: str, builtin: str) -> None:
    path = tmp_path / "mine.toml"
    result = run("new", path, "--template", template)
    assert result.exit_code == Exit.OK
    assert "is written" in result.stdout
    assert path.read_text(encoding="utf-8").startswith("#:schema ./plan.editor.schema.json\n")
    editor = tmp_path / "plan.editor.schema.json"
    assert editor.read_text(encoding="utf-8") == read_schema(editor=True)
    assert read_plan(path.read_text(encoding="utf-8"), builtin).study.id
    assert run("check", path).exit_code == Exit.OK


def test_new_does_not_overwrite(crlm: Path) -> None:
    before = crlm.read_bytes()
    result = run("new", crlm)
    assert result.exit_code == Exit.USAGE
    assert result.stdout == ""
    assert "nothing is overwritten  [would-overwrite]\nfix    give another" in result.stderr
    assert crlm.read_bytes() == before


def test_new_leaves_no_half_written_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # A lone surrogate has no UTF-8 form, so that writing fails after the file was made.
    monkeypatch.setattr(plan_cli, "read_builtin", lambda _: "version = 1\n\ud800")
    assert run("new", tmp_path / "plan.toml").exit_code == Exit.CHECK_FAILED
    assert list(tmp_path.iterdir()) == []


def test_new_leaves_a_schema_that_is_there(tmp_path: Path) -> None:
    editor = tmp_path / "plan.editor.schema.json"
    editor.write_text("{}")
    assert run("new", tmp_path / "plan.toml").exit_code == Exit.OK
    assert editor.read_text() == "{}"


def test_new_tells_scripts_what_it_wrote(tmp_path: Path) -> None:
    said = json.loads(run("new", tmp_path / "a.toml", "--format", "json").stdout)
    assert said["schema"] == "riskset:plan-new/1"
    assert Path(said["path"]).exists()
    assert Path(said["editor"]).exists()


def test_check_names_the_plan(crlm: Path) -> None:
    result = run("check", crlm)
    assert (result.exit_code, result.stderr) == (Exit.OK, "")
    assert result.stdout == f"ok     {crlm}: {HANDLE}\n"


def test_check_shows_warnings(crlm: Path) -> None:
    text = crlm.read_text(encoding="utf-8").replace("caliper_sd = 0.2", "caliper_sd = 0.9", 1)
    crlm.write_text(text, encoding="utf-8")
    result = run("check", crlm)
    assert result.exit_code == Exit.OK
    assert "warn   designs[1] (matched).caliper_sd: a caliper beyond 0.5" in result.stdout
    assert result.stdout.endswith(", with 1 warning\n")
    found = json.loads(run("check", crlm, "--format", "json").stdout)["warnings"]
    assert [warning["where"] for warning in found] == ["designs[1] (matched).caliper_sd"]


def test_check_lists_all_problems(broken: Path) -> None:
    result = run("check", broken)
    assert (result.exit_code, result.stdout) == (Exit.CHECK_FAILED, "")
    assert result.stderr == (
        "error  variables[1] (age).centre: the centre lies outside the range  [invalid-input]\n"
        "fix    give a round value near the mean\n"
        "error  disclosure.min_sites: the profile 'exact' takes sums over 3 hospitals at least"
        "  [invalid-input]\n"
        "fix    write 3 or more\n"
        f"2 problems in {broken}\n"
    )


def test_check_answers_scripts(crlm: Path) -> None:
    said = json.loads(run("check", crlm, "--format", "json").stdout)
    assert said["ok"]
    assert said["handle"] == HANDLE
    assert said["digest"].startswith(HANDLE.split()[1])
    assert said["problems"] == said["warnings"] == []


def test_check_answers_scripts_about_problems(broken: Path) -> None:
    result = run("check", broken, "--format", "json")
    said = json.loads(result.stdout)
    assert (result.exit_code, said["ok"], said["handle"]) == (Exit.CHECK_FAILED, False, None)
    assert [problem["where"] for problem in said["problems"]] == [
        "variables[1] (age).centre",
        "disclosure.min_sites",
    ]
    assert all(problem["fix"] for problem in said["problems"])


@pytest.mark.parametrize("command", ["check", "explain"])
def test_missing_file_is_a_slip_of_the_caller(command: str, tmp_path: Path) -> None:
    result = run(command, tmp_path / "none.toml")
    assert (result.exit_code, result.stdout) == (Exit.USAGE, "")
    assert "none.toml: no such file or directory  [file]\nfix    check the path" in result.stderr


def test_errors_are_json_for_scripts(tmp_path: Path) -> None:
    result = run("explain", tmp_path / "none.toml", "--format", "json")
    assert result.exit_code == Exit.USAGE
    assert json.loads(result.stderr)["error"]["code"] == "file"


def test_problems_are_json_for_scripts(broken: Path) -> None:
    error = json.loads(run("explain", broken, "--format", "json").stderr)["error"]
    assert error["code"] == "invalid-input"
    assert len(error["problems"]) == 2


@pytest.mark.parametrize(
    "arguments", [("check",), ("forget", "x"), ("check", "x", "--format", "y")]
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).exit_code == Exit.USAGE


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"\xff\xfe", "is not UTF-8 text"), (b"#" * 1_000_001, "is larger than 1 MB")],
)
def test_odd_files_are_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    path = tmp_path / "odd.toml"
    path.write_bytes(raw)
    result = run("check", path)
    assert result.exit_code == Exit.CHECK_FAILED
    assert said in result.stderr


def test_a_byte_order_mark_and_windows_lines_do_no_harm(crlm: Path) -> None:
    text = crlm.read_text(encoding="utf-8")
    crlm.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert HANDLE in run("check", crlm).stdout


def test_explain_is_plain_when_piped(crlm: Path) -> None:
    result = run("explain", crlm)
    assert (result.exit_code, result.stderr) == (Exit.OK, "")
    assert "\x1b" not in result.stdout
    assert "\nlesions\tLiver metastases\twhole numbers from 1 to 3\t" in result.stdout
    assert "What can never leave a hospital\n  A row of a patient.\n" in result.stdout


def test_explain_draws_tables_on_a_terminal(crlm: Path) -> None:
    result = run("explain", crlm, FORCE_COLOR="1", COLUMNS="100")
    assert "\x1b[1m" in result.stdout
    assert "│ lesions" in result.stdout


def test_colours_only_where_wanted(broken: Path) -> None:
    red = "\x1b[1;31merror"
    assert red in run("check", broken, FORCE_COLOR="1").stderr
    assert red not in run("check", broken, FORCE_COLOR="1", NO_COLOR="1").stderr


def test_a_plan_cannot_write_markup(crlm: Path) -> None:
    text = crlm.read_text(encoding="utf-8").replace('"Sex"', '"[blink]Sex[/blink]"')
    crlm.write_text(text, encoding="utf-8")
    for forced in ({}, {"FORCE_COLOR": "1", "COLUMNS": "100"}):
        assert "[blink]Sex[/blink]" in run("explain", crlm, **forced).stdout


def test_explain_answers_scripts(crlm: Path) -> None:
    said = json.loads(run("explain", crlm, "--format", "json").stdout)
    assert (said["schema"], said["handle"]) == ("riskset:plan-explain/1", HANDLE)
    assert said["sections"][0]["sentences"]


@pytest.mark.parametrize("editor", [False, True])
def test_schema_prints_what_is_shipped(editor: bool) -> None:
    result = run("schema", *["--editor"][: int(editor)])
    assert json.loads(result.stdout) == json.loads(read_schema(editor))


def test_unexpected_errors_tell_nothing_of_the_data(
    crlm: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(_: object) -> None:
        raise KeyError("P001 was seen on 2010-10-04")

    monkeypatch.setattr(plan_cli, "told", surprise)
    result = run("explain", crlm)
    assert result.exit_code == Exit.CHECK_FAILED
    assert result.stderr.startswith("error  something unexpected happened (KeyError)  [internal]")
    assert "P001" not in result.output
    assert isinstance(run("explain", crlm, RISKSET_DEBUG="1").exception, KeyError)
    assert isinstance(run("--debug", "explain", crlm).exception, KeyError)


def test_explain_foretells_what_leaves_each_hospital(crlm: Path) -> None:
    """The table comes from the steps' layouts, with a total; the lock carries nothing."""
    done = run("explain", crlm, "--format", "json")
    *_, costs, section, seen = json.loads(done.stdout)["sections"]
    assert seen["title"] == "What the coordinating centre will see"
    assert "a recipient of unsuppressed pooled sums" in seen["sentences"][0]
    rows = {row[0]: row for row in section["table"]["rows"]}
    assert costs["title"] == "What each method costs"
    assert section["title"] == "What will leave each hospital"
    assert any(
        said.startswith("In the clear go a fresh public key") for said in section["sentences"]
    )
    assert rows["lock/1"][4:6] == ["0", "16"]
    assert rows["risk-table/1"][-1] == "exactly"
    assert rows["overlap/1"][-1] == "about"
    *parts, total = [int(row[5].replace(",", "")) for row in section["table"]["rows"]]
    assert total == sum(parts)
