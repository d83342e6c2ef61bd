"""Reads pages of the documentation as what is typed in them, and what the screen then shows."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]

INTERRUPT = "^C"
ANYTHING = "..."
PROMPTS = ("[y/N]: ", "The six words that they read out: ", "Type the plan's three words: ")
"""What a line of the screen ends with before somebody types."""

_FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
_HEADING = re.compile(r"^## (.+)$", re.M)
_TYPED = re.compile(r"^(?P<place>[a-z]*)\$ (?P<line>.+)$")


@dataclass(frozen=True)
class Typed:
    """A command of a page, where it is typed, and the lines that it shows."""

    place: str
    line: str
    shown: tuple[str, ...]

    @property
    def words(self) -> list[str]:
        """The command, without its arguments, and its arguments."""
        return self.line.split()


def sections(page: Path) -> dict[str, tuple[Typed, ...]]:
    """Read the commands of each section that has any."""
    before, *parts = _HEADING.split(page.read_text(encoding="utf-8"))
    assert not list(typed(before)), f"{page.name}: commands before the first heading"
    found = {
        heading: tuple(typed(text)) for heading, text in zip(parts[::2], parts[1::2], strict=True)
    }
    return {heading: commands for heading, commands in found.items() if commands}


def typed(text: str) -> Iterator[Typed]:
    """Read the commands of the blocks called `console`; other blocks show files."""
    for language, block in _FENCE.findall(text):
        assert language in {"console", "toml", "text", "ini"}, f"a block of {language!r} is not run"
        if language == "console":
            yield from _typed(block)


def _typed(block: str) -> Iterator[Typed]:
    place, line, shown = "", "", list[str]()
    for row in block.replace("\\\n", " ").splitlines():
        begun = _TYPED.match(row)
        assert begun or line, f"a block does not begin with a command: {row}"
        if not begun:
            shown.append(row)
            continue
        if line:
            yield Typed(place, line, tuple(shown))
        place, line, shown = begun["place"], " ".join(begun["line"].split()), []
    yield Typed(place, line, tuple(shown))


# What differs from one time to the next: some come back later and have to be the same then.
_KEPT = {
    "words": r"\b[a-z]+(?:-[a-z]+){5}\b",
    "code": r"\b[A-Z0-9]+(?:-[0-9A-Z]{4}){7}\b",
    "handle": r"\b[a-z]+-[a-z]+-[a-z]+ [0-9a-f]{8}\b",
    "run": r"\b[0-9a-f]{8}\b",
}
_PASSING = {
    "moment": r"\b\d{4}-\d\d-\d\d(?:[T ][0-9:.]+(?:\+00:00|Z)?)?",
    "clock": r"\b\d\d:\d\d:\d\d\b",
    "anything": r"\.\.\.",
}
_VARIES = re.compile("|".join(f"(?P<{k}>{p})" for k, p in {**_KEPT, **_PASSING}.items()))
_RULES = re.compile(r"[ \t\u2500-\u257f]+")  # blanks, and what tables are drawn with


def plain(text: str) -> str:
    """Leave out blank lines, the lines of tables, and how wide their columns are."""
    rows = (_RULES.sub(" ", row) for row in text.splitlines())
    return "".join(f"{row.strip()}\n" for row in rows if row.strip())


@dataclass
class Memory:
    """What stands for what: the page's examples, and what took their place this time."""

    known: dict[str, str]

    def put(self, text: str) -> str:
        """Write a page's text with what is known."""
        for example, real in self.known.items():
            text = text.replace(example, real)
        return text

    def learn(self, shown: tuple[str, ...], text: str, *, whole: bool) -> bool:
        """Hold a screen against a page, and remember what took the place of its examples.

        `whole` asks for the end of the screen too.
        """
        examples: dict[str, str] = {}
        lines = [self._line(line, examples) for line in plain("\n".join(shown)).splitlines()]
        found = re.match("".join(lines) + (r"\Z" if whole else ""), plain(text))
        if found:
            self.known.update({example: found[name] for example, name in examples.items()})
        return found is not None

    def _line(self, line: str, examples: dict[str, str]) -> str:
        """Write a line of a page as a regular expression."""
        if line == ANYTHING:
            return r"(?:.*\n)*?"
        parts, end = list[str](), 0
        for varies in _VARIES.finditer(line):
            parts.append(re.escape(self.put(line[end : varies.start()])))
            parts.append(self._varying(varies, examples))
            end = varies.end()
        return "".join([*parts, re.escape(self.put(line[end:])), r"\n"])

    def _varying(self, varies: re.Match[str], examples: dict[str, str]) -> str:
        kind, example = str(varies.lastgroup), varies[0]
        if kind == "anything":
            return ".*"
        if kind in _PASSING:
            return _PASSING[kind]
        if example in self.known:
            return re.escape(self.known[example])
        if example in examples:
            return f"(?P={examples[example]})"
        examples[example] = f"e{len(examples)}"
        return f"(?P<{examples[example]}>{_KEPT[kind]})"
