"""Proposes which level each spelling of a column stands for.

Only spellings that are the plan's words but for capitals and punctuation, or words such as `yes`,
are matched. The others are a person's to decide, and are listed only where that is asked for.
"""

import unicodedata
from collections.abc import Iterator

from protocol.plan.variables import Binary, Category, levels
from site_node.data.header import plain
from site_node.data.source import Column

MOST_SHOWN = 12
"""Columns of more spellings may hold words about single patients; they are not listed."""

_YES = ("yes", "y", "true", "ja", "j", "oui", "si", "sí", "sim")
_NO = ("no", "n", "false", "nein", "non", "nao", "não")
_PAIRS = {
    "yes": _YES,
    "no": _NO,
    "male": ("m", "male", "man", "männlich", "masculin", "masculino", "homme", "maschio"),
    "female": ("f", "w", "female", "woman", "weiblich", "féminin", "femenino", "femme"),
}


def propose_levels(
    variable: Category | Binary, name: str, column: Column, *, values: bool
) -> list[str]:
    """Write the table of a variable's spellings, and what of it a person has to decide."""
    spelled = sorted({text.strip() for text in column.spellings})
    found, open_ = _matched(variable, spelled)
    lines = [f"{quoted(text)} = {quoted(level)}" for text, level in found.items() if text != level]
    if "" in spelled and isinstance(variable, Category):
        lines += _about_empty(variable, name)
    if open_:
        lines += _about_open(variable, name, open_, values=values)
    return [f"[levels.{variable.name}]", *lines] if lines else []


def _matched(variable: Category | Binary, spelled: list[str]) -> tuple[dict[str, str], list[str]]:
    """Match spellings to levels; and list those that match none."""
    known = _known(variable)
    texts = [text for text in spelled if text]
    found = {text: known[plain(text)] for text in texts if plain(text) in known}
    open_ = [text for text in texts if text not in found]
    if open_ and set(texts) <= set("0123456789"):
        # 1 and 2 are codes: that 1 is also a level of the plan says nothing.
        return {}, texts
    return found, open_


def _known(variable: Category | Binary) -> dict[str, str]:
    """List spellings with a certain meaning; punctuation and capitals make no difference."""
    known = {plain(level): level for level in levels(variable)}
    if isinstance(variable, Binary):
        return dict.fromkeys(_YES, "1") | dict.fromkeys(_NO, "0") | known
    pairs = {word: known[one] for one, words in _PAIRS.items() if one in known for word in words}
    return pairs | known if len(known) == len(variable.levels) else {}


def _about_empty(variable: Category, name: str) -> Iterator[str]:
    if variable.missing_level is None:
        yield f"# decide: is an empty field of {quoted(name)} a missing value, or a level?"
        yield '# "" = "..."'


def _about_open(
    variable: Category | Binary, name: str, open_: list[str], *, values: bool
) -> Iterator[str]:
    listed = ", ".join(map(quoted, levels(variable)))
    many = f"{len(open_)} spellings" if len(open_) > 1 else "1 spelling"
    shown = values and len(open_) <= MOST_SHOWN
    hint = "" if shown or len(open_) > MOST_SHOWN else " (--values lists them)"
    yield f"# decide: {many} of {quoted(name)}{hint}: which of {listed} does each stand for?"
    for text in open_ if shown else ():
        yield f'# {quoted(text)} = "..."'


def quoted(text: str) -> str:
    """Write a text as a TOML string; what does not print is written by its number."""
    text = unicodedata.normalize("NFC", text)
    return '"' + "".join(_escaped(sign) for sign in text) + '"'


def _escaped(sign: str) -> str:
    if sign in '"\\':
        return "\\" + sign
    if sign.isprintable():
        return sign
    code = ord(sign)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"
