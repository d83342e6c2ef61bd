"""The commands of a coordinating centre, as people and scripts type them."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Exit
from tests.cli.parties import Centre, founded, join, node, serving, typed
from tests.docs.terminal import Screen

ROOT = Path(__file__).parents[2]
PLAN = ROOT / "docs" / "example" / "plan.toml"
SITES = ("basel", "lyon", "torino")


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """Serve a centre that three hospitals have asked to join."""
    folder = tmp_path_factory.mktemp("centre")
    with serving(folder) as served:
        for site in SITES:
            joined = join(served, node(folder / site, site), served.invite(site))
            assert joined.status == 0, joined.err
        yield served


def words_of(centre: Centre, site: str) -> str:
    listed = centre.type("joins", "--format", "json").json["joins"]
    return str(next(one["words"] for one in listed if one["site"] == site))


def test_a_centre_is_founded_once(tmp_path: Path) -> None:
    config, authority, words = founded(tmp_path)
    assert len(words.split("-")) == 6
    before = {path: path.read_bytes() for path in [*config.parent.iterdir(), *authority.iterdir()]}
    where: list[str | Path] = ["--host", "localhost", "--authority", authority]
    again = typed("riskset", "init", config.parent, "--name", "Trial", *where)
    assert again.status == Exit.USAGE
    assert "is there already" in again.err
    assert before == {path: path.read_bytes() for path in before}


def test_the_authority_may_not_lie_inside_the_centre(tmp_path: Path) -> None:
    where: list[str | Path] = [
        "--host",
        "localhost",
        "--authority",
        tmp_path / "c" / "keys",
        "--format",
        "json",
    ]
    said = typed("riskset", "init", tmp_path / "c", "--name", "Trial", *where)
    assert (said.status, said.code) == (Exit.USAGE, "founding")
    assert not (tmp_path / "c").exists()


def test_an_invitation_tells_what_to_type_and_what_to_read_out(centre: Centre) -> None:
    text = centre.type("invite", "porto").out
    assert re.match(r"PORTO(-[0-9A-Z]{4}){7}\n", text)
    assert centre.words in text
    assert "riskset-site join https://NAME:0 --invite PORTO-" in text
    told = centre.type("invite", "porto", "--format", "json").json
    assert told["schema"] == "riskset:invite/1"
    assert centre.type("invite", "--", "é").status == Exit.USAGE


def test_hospitals_are_accepted_by_their_words_alone(centre: Centre) -> None:
    wrong = centre.type("accept", "lyon", "--words", centre.words, "--format", "json")
    assert (wrong.status, wrong.code) == (Exit.TAMPERING, "words-differ")
    assert words_of(centre, "lyon") not in wrong.err, "the right words are not for who lacks them"
    nobody = centre.type("accept", "lyon")
    assert nobody.status == Exit.NOT_APPROVED
    states = {
        row.split("\t")[1]: row.split("\t")[-1]
        for row in centre.type("joins").out.split("\n")[1:-1]
    }
    assert states["lyon"] == "waiting"
    unknown = centre.type("accept", "porto", "--words", centre.words, "--format", "json")
    assert (unknown.status, unknown.code) == (Exit.USAGE, "roster-draft")


def test_a_request_can_be_declined(centre: Centre, tmp_path: Path) -> None:
    join(centre, node(tmp_path / "stranger", "stranger"), centre.invite("stranger"))
    listed = centre.type("joins", "--format", "json").json["joins"]
    number = next(str(one["number"]) for one in listed if one["site"] == "stranger")
    assert centre.type("decline", number).out.endswith(f"{number} is declined\n")
    said = centre.type("accept", "stranger", "--words", words_of(centre, "stranger"))
    assert said.status == Exit.USAGE


@pytest.fixture(scope="module")
def in_force(centre: Centre) -> Centre:
    """Accept all hospitals and sign a roster of them, elsewhere and here."""
    early = centre.type("roster", "add", "ablation", *SITES, "--format", "json")
    assert (early.status, early.code) == (Exit.USAGE, "roster-draft")
    none = centre.type("run", "start", PLAN, "--format", "json")
    assert (none.status, none.code) == (Exit.CHECK_FAILED, "roster")
    for site in SITES:
        said = centre.type("accept", site, "--words", words_of(centre, site), "--format", "json")
        assert said.json["site"] == site
    draft = centre.type("roster", "add", "ablation", *SITES, "--format", "json").json
    assert (draft["version"], [one["id"] for one in draft["sites"]]) == (1, list(SITES))
    key = centre.authority / "authority-1.key"
    federation = centre.config.parent / "federation.json"
    elsewhere: list[str | Path] = ["--key", key, "--federation", federation, "--format", "json"]
    signed = typed("riskset", "roster", "sign-file", draft["file"], *elsewhere).json
    assert not signed["in_force"], "a file alone binds nobody"
    published = centre.type("roster", "publish", "ablation", draft["file"], "--format", "json")
    assert published.json["in_force"]
    return centre


def test_a_roster_is_shown_in_words(in_force: Centre) -> None:
    text = in_force.type("roster", "show", "ablation").out
    assert "ablation, version 1: in force until" in text
    assert all(words_of(in_force, site) in text for site in SITES)
    shown = in_force.type("roster", "show", "ablation", "--format", "json").json
    assert (shown["in_force"]["version"], shown["draft"]) == (1, None)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["roster", "show", "nothing"], "roster-draft"),
        (["roster", "remove", "ablation", "lyon"], "roster"),  # two would be left
        (["roster", "remove", "ablation", "porto"], "roster-draft"),
        (["roster", "sign", "ablation", "--key", "nowhere.key"], "founding"),
        (["run", "status", "0123abcd"], "unknown-run"),
        (["run", "abort", "0123abcd"], "unknown-run"),
        (["run", "resume", "0123abcd"], "unknown-run"),
        (["run", "watch", "0123abcd"], "unknown-run"),
        (["run", "start", "nowhere.toml"], "file"),
        (["restore", "nowhere.db"], "backup"),
        (["renew", "--host", "localhost", "--authority", "nowhere"], "founding"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_with_a_code(
    in_force: Centre, words: list[str], code: str
) -> None:
    said = in_force.type(*words, "--format", "json")
    assert said.code == code
    assert said.status != 0
    assert json.loads(said.err)["error"]["fix"]


def test_a_run_is_started_looked_at_and_ended(in_force: Centre) -> None:
    assert "No run yet" in in_force.type("run", "status").out
    begun = in_force.type("run", "start", PLAN, "--format", "json").json
    run = begun["run"][:8]
    assert in_force.type("run", "status", run, "--format", "json").json["run"] == begun["run"]
    assert run in in_force.type("run", "status").out
    assert "is to be aborted" in in_force.type("run", "abort", run).out
    late = in_force.type("run", "resume", run, "--format", "json")
    assert (late.status, late.code) == (Exit.USAGE, "run-state")


def test_what_hospitals_decide_is_listed_by_hospital(in_force: Centre, tmp_path: Path) -> None:
    in_force.type("plan", "propose", PLAN, "--out", tmp_path / "proposal.json")
    told = in_force.type("plan", "decisions", PLAN, "--format", "json").json["decisions"]
    assert [(one["version"], one["site"]) for one in told] == [
        (1, "basel"),
        (1, "lyon"),
        (1, "torino"),
    ]
    assert {(one["state"], one["decision"]) for one in told} == {(None, "has not told yet")}
    assert "has not told yet" in in_force.type("plan", "decisions", PLAN).out
    run = in_force.type("run", "start", PLAN, "--format", "json").json["run"][:8]
    assert "lyon: has not told yet" in in_force.type("run", "status", run).out


def test_the_journal_is_copied_and_never_overwritten(in_force: Centre, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert in_force.type("backup", copy, "--format", "json").json["file"] == str(copy)
    assert in_force.type("backup", copy).status == Exit.USAGE
    assert in_force.type("restore", copy).status == Exit.USAGE, "a journal is there"


def test_a_certificate_is_renewed(tmp_path: Path) -> None:
    config, authority, _ = founded(tmp_path)
    before = (config.parent / "server.pem").read_bytes()
    named: list[str | Path] = [
        "--host",
        "a.example.org",
        "--host",
        "b.example.org",
        "--authority",
        authority,
    ]
    told = typed("riskset", "renew", *named, "--config", config, "--format", "json").json
    assert told["hosts"] == ["a.example.org", "b.example.org"]
    assert (config.parent / "server.pem").read_bytes() != before


@pytest.mark.parametrize("command", [["joins"], ["serve"], ["invite", "x"], ["run", "status"]])
def test_settings_that_are_not_there_are_named(tmp_path: Path, command: list[str]) -> None:
    said = typed("riskset", *command, "--config", tmp_path / "other.toml")
    assert said.status == Exit.CHECK_FAILED
    assert "other.toml" in said.err


def test_a_wrong_option_is_told_with_the_right_one() -> None:
    said = typed("riskset", "invite", "lyon", "--hour", "3")
    assert said.status == Exit.USAGE
    assert "--hours" in said.err


@pytest.mark.parametrize(
    ("words", "number", "completed"),
    [("riskset ros", "1", "roster"), ("riskset run re", "2", "resume")],
)
def test_the_tab_key_completes_commands(
    monkeypatch: pytest.MonkeyPatch, words: str, number: str, completed: str
) -> None:
    asked = {"_RISKSET_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": number}
    for name, value in asked.items():
        monkeypatch.setenv(name, value)
    assert typed("riskset").out.split() == [completed]


def test_a_service_manager_ends_the_daemon_well(tmp_path: Path) -> None:
    config, _, _ = founded(tmp_path)
    screen = Screen(["riskset", "serve", "--config", str(config)], tmp_path)
    screen.wait(lambda text: "listening on port" in text)
    screen.process.terminate()
    assert screen.end() == 0
    assert "ended; open runs go on" in screen.text
