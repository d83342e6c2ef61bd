"""Finds which columns of a file may be which variables of a plan, from their names alone.

Names are compared without capitals, punctuation, accents and units, by the plan's names and
labels, and by a few words that many hospitals use.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from protocol.plan.model import Plan
from protocol.plan.variables import Number
from site_node.data.units import WORD_ENDS, parse_unit, unit_of_column
from site_node.data.values import AnyVariable

LIKELY = 0.75
"""From here on a column is proposed; below it is only mentioned."""

POSSIBLE = 0.5
_CLOSE = 0.05
_UNIT_BONUS = 0.1

_SAME = (
    "age alter edad eta",
    "sex gender geschlecht sexe sexo sesso",
    "death dead died deceased verstorben gestorben tod exitus deces",
    "days day tage tag jours time zeit",
    "event ev status ereignis",
    "recurrence relapse rezidiv recidive recidiva dfs",
    "date datum fecha",
    "stage stadium stade",
    "lesions metastases lasionen metastasen mets nles",
    "diameter durchmesser diam size grosse",
    "complication complications komplikation compl",
    "chemotherapy chemotherapie chemo ctx regimen",
    "antibody antikorper biological targeted",
    "strategy strategie timing arm treatment behandlung",
    "tumour tumor primary location site",
    "t pt",
    "n pn",
)
"""Words of one meaning, accents taken off, in the languages of many exports."""

_MEANING = {word: group.split()[0] for group in _SAME for word in group.split()}
_FILLERS = {
    "of",
    "the",
    "or",
    "and",
    "to",
    "at",
    "in",
    "der",
    "des",
    "und",
    "oder",
    "am",
    "no",
    "per",
}
_ID_WORDS = {"id", "patient", "patientid", "pat", "nr", "fall", "fallnummer", "case", "record"}
_ID_WORDS |= {"subject", "pid", "mrn", "identifier", "number", "nummer"}


@dataclass(frozen=True)
class Match:
    """The columns that may be a variable's, the likeliest first; `sure` if one stands out."""

    columns: tuple[str, ...]
    sure: bool


def match_columns(
    plan: Plan, possible: Mapping[str, Sequence[str]], taken: str | None
) -> dict[str, Match]:
    """Match variables to columns, each column to one variable at most.

    `possible` lists the columns whose content a variable could have; `taken` is the column of
    the patient's id.
    """
    scores = {
        (variable.name, column): similarity(variable, column)
        for variable in plan.variables
        for column in possible[variable.name]
        if column != taken
    }
    given: dict[str, str] = {}
    for (name, column), score in sorted(scores.items(), key=lambda item: -item[1]):
        if score >= LIKELY and name not in given and column not in given.values():
            given[name] = column
    return {v.name: _match(v.name, given, scores) for v in plan.variables}


def _match(name: str, given: Mapping[str, str], scores: Mapping[tuple[str, str], float]) -> Match:
    free = {
        column: score
        for (variable, column), score in scores.items()
        if variable == name and (column not in given.values() or given.get(name) == column)
    }
    ordered = sorted(free, key=lambda column: -free[column])
    if name in given:
        best = given[name]
        rivals = [c for c in ordered if c != best and free[c] > free[best] - _CLOSE]
        return Match((best, *rivals), sure=not rivals)
    return Match(tuple(c for c in ordered if free[c] >= POSSIBLE)[:3], sure=False)


def similarity(variable: AnyVariable, column: str) -> float:
    """Score how alike a variable and a column are called, from 0 to 1."""
    theirs = _words(column)
    if not theirs:
        return 0.0
    names = (_words(variable.name), _words(variable.label))
    alike = max(_alike(ours, theirs) for ours in names if ours)
    return min(1.0, alike + _UNIT_BONUS) if _same_kind(variable, column) else alike


def _same_kind(variable: AnyVariable, column: str) -> bool:
    """Tell whether the column's name has a unit of the kind that the variable has."""
    theirs = unit_of_column(column)
    ours = parse_unit(variable.unit) if isinstance(variable, Number) else None
    return bool(theirs and ours and theirs.dimension == ours.dimension)


def looks_like_id(column: str) -> bool:
    """Tell whether a column is called as columns of ids are."""
    return bool(set(_pieces(column)) & _ID_WORDS)


def _alike(ours: Sequence[str], theirs: Sequence[str]) -> float:
    joined = SequenceMatcher(None, "".join(ours), "".join(theirs)).ratio()
    there = sum(max(_word_score(a, b) for b in theirs) for a in ours) / len(ours)
    back = sum(max(_word_score(a, b) for a in ours) for b in theirs) / len(theirs)
    return max(joined, (there + back) / 2)


def _word_score(one: str, other: str) -> float:
    if one == other:
        return 1.0
    if _MEANING.get(one, one) == _MEANING.get(other, other):
        return 0.9
    if min(len(one), len(other)) >= 3 and (one.startswith(other) or other.startswith(one)):
        return 0.8
    return 0.0


def _words(name: str) -> list[str]:
    """Cut a name into words of known meaning, without its unit."""
    bare = re.sub(r"[(\[][^)\]]*[)\]]", " ", name)
    pieces = _pieces(bare) or _pieces(name)
    kept = [p for p in pieces if p not in _FILLERS and not (p == "l" or _unit(p))]
    return kept or pieces


def _unit(piece: str) -> bool:
    return len(piece) > 1 and parse_unit(piece) is not None


def _pieces(name: str) -> list[str]:
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name.replace("ß", "ss"))
        if not unicodedata.combining(letter)
    )
    parts: Iterable[str] = re.split(rf"[\W_]+|{WORD_ENDS}", plain)
    return [part.casefold() for part in parts if part]
