"""The commands by which a hospital runs its node, as people and scripts type them."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.errors import Exit
from protocol.ids import SiteId
from riskset.synthetic import frozen
from site_node.config import read_config
from tests.cli.parties import Centre, Said, join, node, serving, typed
from tests.docs.terminal import Screen

PLAN = Path(__file__).parents[2] / "docs" / "example" / "plan.toml"
WORDS = "abandon ability able about above absent"
SILENT = "https://localhost:1"
"""An address at which nobody listens."""


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    with serving(tmp_path_factory.mktemp("centre")) as served:
        yield served


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A node with an extract that has not joined anything."""
    config = node(tmp_path / "lyon", "lyon")
    (config.parent / "extract.csv").write_bytes(next(iter(frozen().values())).read_bytes())
    return config


def at(config: Path, *words: str | Path) -> Said:
    """Type a command of `riskset-site` for scripts."""
    return typed("riskset-site", *words, "--config", config, "--format", "json")


def test_a_node_is_set_up_once(config: Path) -> None:
    again = at(config, "init", "lyon", "--name", "Lyon")
    assert (again.status, again.code) == (Exit.USAGE, "setup")
    bad = at(config.with_name("other.toml"), "init", "not an id", "--name", "Lyon")
    assert (bad.status, bad.code) == (Exit.USAGE, "setup")


def test_joining_trusts_who_has_the_invitation_and_the_words(centre: Centre, config: Path) -> None:
    code = centre.invite("lyon")
    wrong = join(centre, config, code, words=WORDS)
    assert (wrong.status, wrong.code) == (Exit.TAMPERING, "words-differ")
    assert not (config.parent / "state" / "federation.json").exists()
    told = join(centre, config, code).json
    assert (told["federation"], told["federation_words"]) == ("Trial", centre.words)
    assert read_config(config).address == f"localhost:{centre.port}"
    assert join(centre, config, code).json == told, "the same key may use its code again"


def test_a_used_invitation_serves_no_other_key(
    centre: Centre, config: Path, tmp_path: Path
) -> None:
    code = centre.invite("lyon")
    assert join(centre, config, code).status == 0
    other = join(centre, node(tmp_path / "other", "lyon"), code)
    assert other.status != 0
    assert not (tmp_path / "other" / "state" / "federation.json").exists()


def test_words_are_confirmed_at_a_terminal_or_not_at_all(centre: Centre, config: Path) -> None:
    said = typed(
        "riskset-site",
        "join",
        centre.address,
        "--invite",
        centre.invite("lyon"),
        "--config",
        config,
    )
    assert said.status == Exit.NOT_APPROVED
    assert "there is no terminal to confirm at" in said.err
    assert centre.words in said.err


def test_a_code_may_come_from_another_program(centre: Centre, config: Path) -> None:
    known: list[str | Path] = ["--invite", "-", "--words", centre.words, "--config", config]
    said = typed("riskset-site", "join", centre.address, *known, keys=f"{centre.invite('lyon')}\n")
    assert said.status == 0
    assert "Joined Trial." in said.out


def test_who_does_not_answer_and_what_is_mistyped_is_told_apart(
    centre: Centre, config: Path
) -> None:
    code = centre.invite("lyon")
    silent = at(config, "join", SILENT, "--invite", code, "--words", centre.words)
    assert (silent.status, silent.code) == (Exit.UNREACHABLE, "unreachable")
    last = "A" if code[-1] != "A" else "B"
    typo = at(config, "join", SILENT, "--invite", code[:-1] + last, "--words", centre.words)
    assert typo.code == "invitation"
    assert code not in silent.err + typo.err, "a code is a secret"


@pytest.mark.parametrize("address", ["localhost", "https://localhost", "localhost:99999", ""])
def test_an_address_without_a_port_is_refused_before_anything_is_dialled(
    config: Path, address: str
) -> None:
    before, code = config.read_bytes(), "LYON-43N2-VWV4-SESZ-QDV4-QG73-T2C5-2ZPE"
    said = at(config, "join", address, "--invite", code, "--words", WORDS)
    assert (said.status, said.code) == (Exit.USAGE, "setup")
    assert "a name and a port" in said.err
    assert code not in said.err
    assert config.read_bytes() == before


def test_a_plan_is_allowed_and_words_are_pinned_once(config: Path) -> None:
    digest = at(config, "prepare", PLAN).json["digest"]
    assert at(config, "pin", "basel", WORDS).json["site"] == "basel"
    settings = read_config(config)
    assert [plan.digest.hex() for plan in settings.plans] == [digest]
    assert settings.known_sites[SiteId("basel")] == WORDS
    for again in (["prepare", PLAN], ["pin", "basel", WORDS], ["pin", "torino", "too few"]):
        before = config.read_bytes()
        said = at(config, *again)
        assert (said.status, said.code) == (Exit.CHECK_FAILED, "invalid-input")
        assert config.read_bytes() == before


def test_the_doctor_writes_a_letter_and_says_what_is_missing(config: Path, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    said = at(config, "doctor", "--report", letter)
    told = json.loads(said.out)
    assert told["schema"] == "riskset-site:doctor/1"
    assert said.status != 0, "nothing was joined yet"
    assert letter.stat().st_size > 0
    assert at(config, "doctor", "--report", letter).status == Exit.USAGE, "a letter is not replaced"


def test_status_of_a_node_that_has_done_nothing(config: Path) -> None:
    told = at(config, "status").json
    assert (told["schema"], told["site"], told["runs"]) == ("riskset-site:status/1", "lyon", [])
    text = typed("riskset-site", "status", "--config", config).out
    assert "Nothing has left this hospital." in text


def test_what_deletes_asks_first(config: Path) -> None:
    for words in (["rotate"], ["forget", "ablation"], ["consent", "ablation", "--out", "c.json"]):
        said = at(config, *words)
        assert (said.status, said.code) == (Exit.NOT_APPROVED, "not-confirmed")
        assert "give --yes" in said.err


def test_a_new_key_has_new_words(config: Path) -> None:
    before = at(config, "status").json["words"]
    told = at(config, "rotate", "--yes").json
    assert at(config, "status").json["words"] == told["words"] != before


def test_a_study_that_was_never_answered_leaves_nothing_to_forget(config: Path) -> None:
    assert at(config, "forget", "ablation", "--yes").json["runs"] == 0


def test_a_consent_is_written_once(centre: Centre, config: Path, tmp_path: Path) -> None:
    early = at(config, "consent", "ablation", "--out", tmp_path / "c.json", "--yes")
    assert early.status != 0, "consent to whom?"
    join(centre, config, centre.invite("lyon"))
    told = at(config, "consent", "ablation", "--out", tmp_path / "c.json", "--yes").json
    assert json.loads(Path(told["file"]).read_bytes())["site"] == "lyon"
    again = at(config, "consent", "ablation", "--out", tmp_path / "c.json", "--yes")
    assert (again.status, again.code) == (Exit.USAGE, "consent-file")


@pytest.mark.parametrize("command", [["serve"], ["status"], ["doctor"], ["rotate", "--yes"]])
def test_settings_that_are_not_there_are_named(tmp_path: Path, command: list[str]) -> None:
    said = typed("riskset-site", *command, "--config", tmp_path / "other.toml")
    assert said.status != 0
    assert "other.toml" in said.out + said.err


def test_a_wrong_option_is_told_with_the_right_one() -> None:
    said = typed("riskset-site", "status", "--forma", "json")
    assert said.status == Exit.USAGE
    assert "--format" in said.err


def test_the_tab_key_completes_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    words = {"COMP_WORDS": "riskset-site doc", "COMP_CWORD": "1"}
    for name, value in {"_RISKSET_SITE_COMPLETE": "complete_bash", **words}.items():
        monkeypatch.setenv(name, value)
    assert typed("riskset-site").out.split() == ["doctor"]


def test_a_service_manager_ends_the_node_well(centre: Centre, config: Path) -> None:
    join(centre, config, centre.invite("lyon"))
    screen = Screen(["riskset-site", "serve", "--config", str(config)], config.parent)
    screen.wait(lambda text: "dialling" in text)
    screen.process.terminate()
    assert screen.end() == 0
    assert "ended; open runs go on" in screen.text
