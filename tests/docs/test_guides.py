"""The guides are run: a real centre and three real hospitals on this machine, word by word."""

import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from riskset.synthetic import frozen
from tests.docs.pages import INTERRUPT, PROMPTS, ROOT, Memory, Typed, sections
from tests.docs.terminal import COMMANDS, Screen, shell
from tests.ports import free_port

DOCS = ROOT / "docs"
CENTRE, HOSPITAL = sections(DOCS / "coordinator.md"), sections(DOCS / "hospital.md")
OPERATIONS = sections(DOCS / "operations.md")

LOOKS = 100
"""How often people look for a proposal before they ring the centre."""

PEOPLE = {
    "lyon": (
        "Hospices Civils de Lyon",
        "merge-trim-spring-tongue-rifle-still",
        "LYON-43N2-VWV4-SESZ-QDV4-QG73-T2C5-2ZPE",
    ),
    "basel": (
        "Universitätsspital Basel",
        "trap-picture-hood-april-spend-observe",
        "BASEL-8QK2-1TDM-Y5AE-0RWJ-ZC6H-PN3G-4VXS",
    ),
    "torino": (
        "Ospedale di Torino",
        "cancel-pattern-fat-flip-mixed-know",
        "TORINO-H5YB-9E2K-TT4C-M0QA-3DRW-X7GP-VV1S",
    ),
}
"""The hospitals of the guides: name, words and invitation. Theirs is written for the first one."""

WALK = [
    ("centre", "1. Install (3 minutes)"),
    ("centre", "2. Found the federation (2 minutes)"),
    ("centre", "3. Write the plan (as long as it takes)"),
    ("centre", "4. Serve and invite (5 minutes)"),
    ("hospital", "1. Install (3 minutes)"),
    ("hospital", "2. Read the plan (3 minutes)"),
    ("hospital", "3. Hold your export against the plan (8 minutes)"),
    ("hospital", "4. Make the node and join (4 minutes)"),
    ("centre", "5. Accept hospitals, and sign the roster (10 minutes)"),
    ("hospital", "5. Know the others, and say who decides (4 minutes)"),
    ("hospital", "6. Let the doctor look (2 minutes)"),
    ("hospital", "7. Serve (1 minute)"),
    ("centre", "6. Propose the plan (2 minutes, and the hospitals' time)"),
    ("hospital", "8. Decide about the plan (10 minutes)"),
    ("centre", "7. Run the study (5 minutes, and the hospitals' time)"),
    ("hospital", "9. See what has left (whenever you like)"),
    ("hospital", "10. Pause, or take an approval back (1 minute)"),
]
"""In which order people of both sides come to the sections of their guides."""


@dataclass
class World:
    """A centre and three hospitals, each with a folder and a window in which it serves."""

    folder: Path
    memory: Memory
    places: dict[str, Path]
    serving: dict[str, Screen] = field(default_factory=dict)

    def follow(self, default: str, commands: tuple[Typed, ...]) -> None:
        """Type commands one after the other, and hold what they show against the page."""
        for command in commands:
            place = command.place or default
            try:
                self.type(place, command)
            except pytest.fail.Exception:
                for name, screen in self.serving.items():
                    print(f"--- what {name} shows ---\n{screen.text}")  # noqa: T201
                raise

    def type(self, place: str, typed: Typed) -> None:
        line = self.memory.put(typed.line)
        if line == "make ready":
            # `make test` has done it; here it is only seen that it would.
            shell("make --dry-run ready", ROOT)
        elif line == ". .venv/bin/activate":
            pass  # the tests' own environment stands for it
        elif line.startswith("cd "):
            self.places[place] /= line.removeprefix("cd ")
            assert self.places[place].is_dir(), line
        elif typed.words[:2] == ["riskset-site", "pending"]:
            self._look_until(place, line, typed)
        elif typed.words[0] in COMMANDS:
            self._run(place, line, typed)
        else:
            said = shell(line, self.places[place])
            _hold(self.memory, typed.shown, said)

    def _look_until(self, place: str, line: str, typed: Typed) -> None:
        """Look again and again, as people do, until the proposal that is on its way is there."""
        for _ in range(LOOKS):
            screen = Screen(shlex.split(line), self.places[place])
            assert screen.end() == 0, screen.text
            if self.memory.learn(typed.shown, screen.text, whole=True):
                return
        _differs(typed.shown, screen.text)

    def _run(self, place: str, line: str, typed: Typed) -> None:
        serves = typed.words[1:2] == ["serve"]
        screen = self.serving.pop(place, None) if serves else None
        screen = screen or Screen(shlex.split(line), self.places[place])
        shown = self._answer(screen, typed.shown)
        if serves and shown is typed.shown:
            self.serving[place] = screen
            _until(screen, self.memory, shown, whole=False)
            return
        status = screen.end()
        _hold(self.memory, shown, screen.text)
        assert status == 0, f"{line}: ended with {status}\n{screen.text}"

    def _answer(self, screen: Screen, shown: tuple[str, ...]) -> tuple[str, ...]:
        """Type what a page's lines say that people type; gives the lines without Ctrl-C."""
        for number, line in enumerate(shown):
            if line == INTERRUPT:
                _until(screen, self.memory, shown[:number], whole=False)
                screen.interrupt()
                return (*shown[:number], "...", *shown[number + 1 :])
            for prompt in PROMPTS:
                before, found, answer = line.partition(prompt)
                if found:
                    asked = f"{before}{prompt}".strip()
                    screen.wait(partial(contains, asked))
                    screen.type(f"{self.memory.put(answer)}\n")
        return shown

    def close(self) -> None:
        """End what still serves, as its people would: by Ctrl-C."""
        for screen in self.serving.values():
            screen.interrupt()
        statuses = {place: screen.end() for place, screen in self.serving.items()}
        assert set(statuses.values()) <= {0}, statuses


def contains(part: str, text: str) -> bool:
    return part in text


def _until(screen: Screen, memory: Memory, shown: tuple[str, ...], *, whole: bool) -> None:
    try:
        screen.wait(lambda text: memory.learn(shown, text, whole=whole))
    except TimeoutError:
        _differs(shown, screen.text)


def _hold(memory: Memory, shown: tuple[str, ...], text: str) -> None:
    if not memory.learn(shown, text, whole=True):
        _differs(shown, text)


def _differs(shown: tuple[str, ...], text: str) -> NoReturn:
    pytest.fail("\n".join(["the page:", *shown, "the screen:", text]), pytrace=False)


def as_hospital(site: str, commands: tuple[Typed, ...]) -> tuple[Typed, ...]:
    """Write the hospital's guide for another of the hospitals: it and Lyon change places."""
    ours, theirs = ("lyon", *PEOPLE["lyon"]), (site, *PEOPLE[site])
    swap = dict(zip((*ours, *theirs), (*theirs, *ours), strict=True))
    either = re.compile("|".join(map(re.escape, sorted(swap, key=len, reverse=True))))

    def swapped(text: str) -> str:
        return either.sub(lambda found: swap[found[0]], text)

    return tuple(
        Typed(command.place, swapped(command.line), tuple(map(swapped, command.shown)))
        for command in commands
    )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Follow both guides from the beginning to the end."""
    folder = tmp_path_factory.mktemp("guides")
    places = {place: folder / place for place in ("centre", *PEOPLE, "porto")}
    for place, extract in zip([*PEOPLE, "porto"], frozen().values(), strict=False):
        (folder / place).mkdir()
        shutil.copy(extract, folder / place / "extract.csv")
        shutil.copytree(DOCS / "example", folder / place, dirs_exist_ok=True)
    (folder / "centre").mkdir()
    memory = Memory({"study.example.org": "localhost", "8443": str(free_port())})
    world = World(folder, memory, places)
    try:
        for guide, heading in WALK:
            if guide == "centre":
                world.follow("centre", CENTRE[heading])
                if heading.startswith("2."):
                    plans, centre = DOCS / "example", folder / "centre" / "centre"
                    shutil.copytree(plans, centre, dirs_exist_ok=True)
                continue
            for site in PEOPLE:
                world.follow(site, as_hospital(site, HOSPITAL[heading]))
        yield world
    finally:
        world.close()


def test_the_walk_passes_every_section_once(world: World) -> None:
    walked = {guide: [h for g, h in WALK if g == guide] for guide in ("centre", "hospital")}
    assert walked == {"centre": list(CENTRE), "hospital": list(HOSPITAL)}


def test_the_guides_lead_to_results(world: World) -> None:
    (results,) = (world.places["centre"] / "results").iterdir()
    assert "Overall survival" in (results / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("heading", OPERATIONS)
def test_operations(world: World, heading: str) -> None:
    """The sections follow each other: each begins where the one before ended."""
    world.follow("", OPERATIONS[heading])
