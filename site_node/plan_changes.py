"""What changed between two plans, in the words that an operator approves."""

from collections.abc import Iterator
from typing import Any

from protocol.plan.explain import Section, explain
from protocol.plan.model import Plan


def changes(before: Plan, after: Plan) -> tuple[str, ...]:
    """Say what an edit changed: sentences that go (-) and come (+), then each value by its place.

    Nothing is left out: a value that no sentence tells of is in the second part.
    """
    return (*_sentences(before, after), *_values("", _data(before), _data(after)))


def _sentences(before: Plan, after: Plan) -> Iterator[str]:
    old, new = (dict.fromkeys(_lines(explain(plan))) for plan in (before, after))
    yield from (f"- {line}" for line in old if line not in new)
    yield from (f"+ {line}" for line in new if line not in old)


def _lines(sections: list[Section]) -> Iterator[str]:
    for section in sections:
        yield from (f"{section.title}: {sentence}" for sentence in section.sentences)
        if section.table is not None:
            yield from (f"{section.title}: {', '.join(row)}" for row in section.table.rows)


def _data(plan: Plan) -> Any:
    return plan.model_dump(mode="json")


def _values(place: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in dict.fromkeys((*before, *after)):
            inner = f"{place}.{name}" if place else name
            yield from _values(inner, before.get(name), after.get(name))
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _values(f"{place}[{number}]", one, other)
    else:
        yield f"{place}: {before!r} becomes {after!r}"
