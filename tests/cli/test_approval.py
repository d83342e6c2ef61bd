"""Operators decide at the terminal: a key of their own, three words typed, a comment where due."""

import json
import os
import re
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

import site_node.approval_cli
import site_node.audit_cli
import site_node.preview_cli
from coordinator.members import keep_roster, kept_rosters
from coordinator.proposals import kept_proposals
from coordinator.store import Store
from protocol.errors import Exit, FederationError
from protocol.governance.chain import signed_roster
from protocol.governance.roster import Member, Roster
from protocol.plan.read import read_plan
from riskset.centre import Wanted, found, read_authority_seed
from riskset.plan_cli import app as plan_app
from riskset.rosters import first_version
from riskset.serving import utc_now
from site_node.commands import app
from site_node.config import read_config
from site_node.folder import make_folder, state_folder, write_private
from site_node.ledger import Ledger
from site_node.options import Asked
from site_node.preview import review
from site_node.preview.rehearsal import rehearse
from site_node.setup import init
from site_node.status import PAUSED, node_status
from tests.riskset import folders

SMALL = Path(__file__).parents[1] / "federation" / "small.toml"
assert site_node.approval_cli  # whose commands are the node's
assert site_node.audit_cli
assert site_node.preview_cli


@dataclass(frozen=True)
class Place:
    """A centre and one hospital of its roster."""

    folder: Path

    @property
    def site(self) -> Path:
        return self.folder / "lyon" / "site.toml"

    def ask(self, *words: str, ok: bool = True) -> Any:
        run = CliRunner().invoke(
            app, [*words, "--config", str(self.site), "--format", "json"], obj=Asked()
        )
        if not ok:
            assert isinstance(run.exception, FederationError), run.output
            return run.exception
        assert run.exit_code == 0, (run.output, run.exception)
        return json.loads(run.stdout)

    def run(self, *words: str) -> Result:
        """Type a command as a person does."""
        return CliRunner().invoke(app, [*words, "--config", str(self.site)], obj=Asked())

    def text(self, *words: str) -> str:
        """Read what a person sees."""
        run = self.run(*words)
        assert run.exit_code == 0, (run.output, run.exception)
        return run.stdout

    def sign_next_roster(self) -> None:
        """Let the authority sign a version of the same hospitals."""
        seed = read_authority_seed(self.folder / "authority" / "authority-1.key")
        with Store(f"sqlite:///{self.folder / 'centre' / 'journal.db'}") as store:
            (first,) = kept_rosters(store, "small")
            before = Roster.from_bytes(first.payload)
            after = replace(before, version=2, prev_digest=before.digest)
            keep_roster(store, signed_roster(after, seed), utc_now())

    def decide(self, what: str, *more: str, words: str = "", ok: bool = True, by: str = "") -> Any:
        (*_, last) = self.ask("pending")["plans"]
        who = ("--operator", by or "Dr Martin", "--words", words or last["words"])
        return self.ask(what, last["plan"], *who, *more, ok=ok)

    def propose(self, text: str, name: str = "plan") -> str:
        plan, out = self.folder / f"{name}.toml", self.folder / f"{name}.json"
        plan.write_text(text, encoding="utf-8")
        config = str(self.folder / "centre" / "coordinator.toml")
        run = CliRunner().invoke(
            plan_app, ["propose", str(plan), "--out", str(out), "--config", config]
        )
        assert run.exit_code == 0, (run.output, run.exception)
        return str(out)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = found(
        tmp_path / "centre", tmp_path / "authority", Wanted("Seven", ["localhost"]), utc_now()
    )
    here = Place(tmp_path)
    own = init(here.site, "lyon", "Lyon")
    write_private(make_folder(here.site.parent / "state").federation, made.federation.to_bytes())
    keys = [init(tmp_path / site / "site.toml", site, site) for site in ("basel", "torino")]
    members = tuple(Member(one.site, one.site, one.public) for one in (own, *keys))
    study = read_plan(SMALL.read_text(encoding="utf-8"), "small").study.id
    times = {"not_before": "2020-01-01", "expires": "2090-01-01"}
    roster = first_version(made.federation, study, members, **times)
    seed = read_authority_seed(tmp_path / "authority" / "authority-1.key")
    with Store(f"sqlite:///{tmp_path / 'centre' / 'journal.db'}") as store:
        keep_roster(store, signed_roster(roster, seed), utc_now())
    here.ask("operator", "Dr Martin")
    return here


@pytest.fixture
def proposed(place: Place) -> Place:
    place.ask("pending", place.propose(SMALL.read_text(encoding="utf-8")))
    return place


def states(place: Place) -> list[str]:
    return [plan["state"] for plan in place.ask("pending")["plans"]]


def test_a_plan_is_proposed_shown_approved_and_withdrawn(proposed: Place) -> None:
    assert states(proposed) == ["pending"]
    (plan,) = proposed.ask("pending")["plans"]
    shown = proposed.ask("show", plan["words"])
    assert len(shown["software"]) == 64
    said = proposed.decide("approve", "--comment", "looked at", "--runs", "3")
    assert said["state"] == "approved"
    assert json.loads(said["decision"])["conditions"]["runs"] == 3
    assert proposed.decide("withdraw")["state"] == "withdrawn"
    for what, state in (("refuse", "refused"), ("return", "returned")):
        assert proposed.decide(what, "--comment", "why twice?")["state"] == state
    exported = proposed.ask("audit", "export")["lines"]
    assert [line["kind"] for line in exported] == ["proposed", *["decided"] * 4]
    assert "looked at" in exported[1]["said"]
    assert proposed.ask("audit", "verify")["lines"] == 5


def test_the_three_words_have_to_be_typed(proposed: Place) -> None:
    error = proposed.decide("approve", "--comment", "x", words="abandon ability able", ok=False)
    assert (error.code, error.exit) == ("words-differ", Exit.NOT_APPROVED)
    (plan,) = proposed.ask("pending")["plans"]
    bare = proposed.ask("approve", plan["plan"], "--operator", "Dr Martin", ok=False)
    assert "no terminal" in str(bare)
    assert states(proposed) == ["pending"]


def test_a_comment_is_due_where_something_is_to_be_reviewed(proposed: Place) -> None:
    error = proposed.decide("approve", ok=False)
    assert (error.code, str(error)) == (
        "comment-due",
        "you cannot approve this until you add a comment",
    )
    assert states(proposed) == ["pending"]


def test_small_groups_of_the_hospitals_own_rows_are_reviewed(proposed: Place) -> None:
    (plan,) = proposed.ask("pending")["plans"]
    assert any("could not be looked at" in item for item in plan["review"])
    extract = read_config(proposed.site).extract
    assert extract is not None
    extract.write_text(folders.extract(0, 40), encoding="utf-8")
    text = folders.SMALL.read_text(encoding="utf-8")
    proposed.ask("pending", proposed.propose(text, "of-these-rows"))
    *_, plan = proposed.ask("pending")["plans"]
    shown = proposed.ask("show", plan["plan"])
    assert shown["review"] == plan["review"]
    small = [item for item in plan["review"] if "review, smallest group fewer than 10" in item]
    assert small
    assert all(re.search(r" \((publication|rule \w+|subgroups)(, .+)?\)$", one) for one in small)
    assert not any("could not be looked at" in item for item in plan["review"])
    counted = proposed.ask("show", plan["plan"], "--counts")["review"]
    exact = [item for item in counted if re.search(r"smallest group \d \(", item)]
    assert len(exact) == len(small)
    assert "smallest group fewer" not in "".join(counted)
    assert proposed.decide("approve", ok=False).code == "comment-due"
    assert proposed.decide("refuse")["state"] == "refused"  # what is refused needs no look
    assert proposed.ask("pending")["plans"][-1]["review"] == []


def test_the_page_says_what_plan_explain_says(proposed: Place) -> None:
    """Whoever writes a plan and whoever approves it read the same, word for word."""
    plan = str(proposed.folder / "plan.toml")
    run = CliRunner().invoke(plan_app, ["explain", plan, "--format", "json"])
    assert run.exit_code == 0, (run.output, run.exception)
    explained = json.loads(run.stdout)["sections"]
    (one,) = proposed.ask("pending")["plans"]
    shown = proposed.ask("show", one["words"])["sections"]
    titles = [section["title"] for section in shown]
    first = titles.index(explained[0]["title"])
    assert shown[first : first + len(explained)] == explained
    assert {"What will leave each hospital", "What the coordinating centre will see"} <= {*titles}
    text = proposed.text("show", one["words"])
    for section in explained:
        assert section["title"] in text
        assert all(f"  {sentence}" in text for sentence in section["sentences"])
        for row in section["table"]["rows"] if section["table"] else ():
            assert f"    {' | '.join(row)}" in text


def test_the_page_names_who_asks_and_how_it_stands(proposed: Place) -> None:
    (one,) = proposed.ask("pending")["plans"]
    proposed.decide("approve", "--comment", "looked at", "--runs", "3", "--drop", "effects/1")
    text = proposed.text("show", one["words"])
    assert "Version 1 of the study's roster, until 2090-01-01: basel (basel), lyon (lyon), " in text
    assert "Dr Martin: approve (3 runs at the most, without effects/1): looked at" in text
    assert f"Take back:   riskset-site withdraw {one['words']}" in text


def test_a_step_that_is_none_cannot_be_dropped(proposed: Place) -> None:
    (one,) = proposed.ask("pending")["plans"]
    who = ["--operator", "Dr Martin", "--words", one["words"], "--comment", "x"]
    run = proposed.run("approve", one["words"], *who, "--drop", "risk-tables/1")
    assert run.exit_code == Exit.USAGE
    assert states(proposed) == ["pending"]


def with_rows(place: Place, patients: int) -> str:
    """Give the hospital rows, and propose a plan for them; gives the plan's digest."""
    extract = read_config(place.site).extract
    assert extract is not None
    extract.write_text(folders.extract(0, patients), encoding="utf-8")
    text = folders.SMALL.read_text(encoding="utf-8")
    place.ask("pending", place.propose(text, f"of-{patients}-rows"))
    return str(place.ask("pending")["plans"][-1]["plan"])


def test_a_study_is_rehearsed_once_for_the_same_rows(
    proposed: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = []

    def counted(*parts: Any) -> Any:
        times.append(1)
        return rehearse(*parts)

    monkeypatch.setattr(review, "rehearse", counted)
    plan = with_rows(proposed, 40)
    first = proposed.ask("pending")["plans"][-1]["review"]
    assert len(times) == 1
    assert proposed.ask("show", plan)["review"] == first
    proposed.decide("approve", "--comment", "looked at")
    proposed.decide("return", "--comment", "on second thoughts")
    assert len(times) == 1
    assert proposed.ask("show", plan, "--counts")["review"] != first
    assert len(times) == 2
    with_rows(proposed, 44)
    assert proposed.ask("show", plan)["review"]
    assert len(times) == 3


def test_what_is_kept_of_a_rehearsal_tells_no_number_of_patients(proposed: Place) -> None:
    plan = with_rows(proposed, 40)
    (path,) = (read_config(proposed.site).state / "reviews").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    kept = json.loads(path.read_text(encoding="utf-8"))["review"]
    shown = proposed.ask("show", plan)["review"]
    assert [item for item in shown if item in kept] == kept
    sizes = [re.findall(r"smallest group (.*) \(|differ here by (.*) patients", o) for o in kept]
    assert {said for (pair,) in sizes for said in pair if said} <= {
        "fewer than 10", "of nobody", "3 to 9"
    }  # fmt: skip
    path.write_bytes(b"{")
    assert proposed.ask("show", plan)["review"] == shown  # a damaged file is made anew


def test_a_proposed_plan_is_previewed_by_its_words(proposed: Place) -> None:
    plan = with_rows(proposed, 40)
    words = next(o["words"] for o in proposed.ask("pending")["plans"] if o["plan"] == plan)
    told = proposed.ask("preview", words)
    assert told["study"] == "small"
    assert told["items"]


def test_a_plan_under_a_superseded_roster_is_told_as_such(proposed: Place) -> None:
    proposed.sign_next_roster()
    again = proposed.propose(SMALL.read_text(encoding="utf-8"), "again")
    old, new = proposed.ask("pending", again)["plans"]
    assert (old["superseded"], new["superseded"]) == (True, False)
    assert (old["review"], bool(new["review"])) == ([], True)
    assert old["plan"] == new["plan"]
    proposed.decide("approve", "--comment", "under the new one")
    assert states(proposed) == ["pending", "approved"]
    assert "pending, under a roster that is superseded" in proposed.text("pending")


def test_a_plan_is_returned_with_a_question(proposed: Place) -> None:
    assert proposed.decide("return", ok=False).code == "comment-due"
    assert states(proposed) == ["pending"]


def test_an_edit_needs_a_new_approval_and_is_shown_in_words(proposed: Place) -> None:
    proposed.decide("approve", "--comment", "looked at")
    text = SMALL.read_text(encoding="utf-8")
    assert "Early or late surgery" in text
    edited = text.replace("Early or late surgery", "Late or early surgery")
    proposed.ask("pending", proposed.propose(edited, "edited"))
    assert states(proposed) == ["approved", "pending"]
    *_, last = proposed.ask("pending")["plans"]
    told = proposed.ask("show", last["plan"])["changes"]
    assert "study.title: 'Early or late surgery' becomes 'Late or early surgery'" in told


def test_the_centre_lists_what_hospitals_answered(proposed: Place) -> None:
    config = str(proposed.folder / "centre" / "coordinator.toml")
    plan = str(proposed.folder / "plan.toml")
    run = CliRunner().invoke(plan_app, ["decisions", plan, "--config", config, "--format", "json"])
    assert run.exit_code == 0, (run.output, run.exception)
    told = json.loads(run.stdout)["decisions"]
    assert [one["state"] for one in told] == [None] * 3  # nobody was asked yet
    assert [one["in_force"] for one in told] == [True] * 3


def test_a_proposal_takes_no_file_that_is_there(proposed: Place) -> None:
    plan, config = proposed.folder / "plan.toml", proposed.folder / "centre" / "coordinator.toml"
    edited = plan.read_text(encoding="utf-8").replace("Early or late", "Late or early")
    plan.write_text(edited, encoding="utf-8")
    where = ["--out", str(proposed.folder / "plan.json"), "--config", str(config)]
    run = CliRunner().invoke(plan_app, ["propose", str(plan), *where])
    assert run.exit_code == Exit.USAGE
    assert "is there already" in run.stderr
    with Store(f"sqlite:///{proposed.folder / 'centre' / 'journal.db'}") as store:
        assert len(kept_proposals(store)) == 1  # the edited one was not


def test_two_persons(proposed: Place) -> None:
    proposed.ask("operator", "Dr Weiss")
    text = proposed.site.read_text(encoding="utf-8")
    proposed.site.write_text(f"{text}\n[approval]\nneeded = 2\n", encoding="utf-8")
    assert proposed.decide("approve", "--comment", "x")["state"] == "pending"
    assert proposed.decide("approve", "--comment", "y")["state"] == "pending"
    assert "pending, approved by 1 of 2 operators" in proposed.text("pending")
    done = proposed.decide("approve", "--comment", "z", by="Dr Weiss")
    assert done["state"] == "approved"


def test_only_an_operator_decides_and_keys_are_theirs_alone(proposed: Place) -> None:
    error = proposed.decide("approve", "--comment", "x", by="Dr Nobody", ok=False)
    assert error.code == "deciding"
    key = read_config(proposed.site).state / "operators" / "dr-martin.key"
    assert key.stat().st_mode & 0o777 == 0o600
    key.chmod(0o644)
    assert "others may read it" in str(proposed.decide("approve", "--comment", "x", ok=False))
    stranger = proposed.folder / "stranger.key"
    write_private(stranger, os.urandom(32))
    error = proposed.decide("approve", "--comment", "x", "--key", str(stranger), ok=False)
    assert "no operator's of this hospital" in str(error)


def test_a_changed_proposal_is_told_at_once(place: Place) -> None:
    file = Path(place.propose(SMALL.read_text(encoding="utf-8")))
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("Early or late", "Late or early"), encoding="utf-8")
    error = place.ask("pending", str(file), ok=False)
    assert (error.code, error.exit) == ("signature", Exit.TAMPERING)


def test_a_file_that_is_no_proposal_is_named(place: Place) -> None:
    error = place.ask("pending", str(SMALL), ok=False)
    assert (error.code, error.exit) == ("proposal", Exit.USAGE)
    assert str(error).startswith(f"{SMALL}: ")
    assert "riskset plan propose" in error.fix


def test_a_pause_is_told_until_it_ends(proposed: Place) -> None:
    assert proposed.ask("pending")["paused"] is node_status(proposed.site).paused is False
    proposed.ask("pause", "--by", "Dr Martin")
    assert proposed.ask("pending")["paused"] is node_status(proposed.site).paused is True
    assert proposed.text("pending").startswith(PAUSED)
    assert PAUSED in node_status(proposed.site).as_text()
    proposed.ask("resume", "--by", "Dr Martin")
    assert proposed.ask("pending")["paused"] is node_status(proposed.site).paused is False


def test_a_running_node_gets_it_by_its_inbox(proposed: Place) -> None:
    state = read_config(proposed.site).state
    with state_folder(state) as folder, closing(Ledger.open(folder.ledger, folder.head)) as ledger:
        before = ledger.head
        proposed.ask("pause", "--by", "Dr Martin")
        assert proposed.decide("approve", "--comment", "x")["state"] == "approved"
        assert len(list(folder.inbox.glob("*.item"))) == 2
        assert ledger.head == before
