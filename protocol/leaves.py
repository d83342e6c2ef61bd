"""What will leave each hospital, as a table in words.

Whoever writes a plan, approves it or looks at it on own rows reads the same words: the layouts'.
"""

from collections.abc import Iterable

from numpy.random import Generator

from protocol.costs import costs
from protocol.forecast import forecast
from protocol.plan.explain import Leaving, Section, leaving_table
from protocol.plan.model import Plan
from protocol.results.fold import leaving
from protocol.run import Asked


def leaves(plan: Plan, draw: Generator) -> tuple[Section, Section]:
    """Foretell what each method costs and what will leave each hospital.

    On patients drawn from the plan's dictionary.
    """
    foretold = forecast(plan, draw)
    rows = as_rows(foretold.asked)
    trips = max(row.trip for row in rows)
    sentences = (
        f"About {trips} trips. In each, every hospital sends the numbers below, masked: they open "
        "only in the sum over all hospitals. With each go check numbers, masked too, one of which "
        "counts the patients behind it; they are in the bytes.",
        "In the clear go a fresh public key, signatures, a seal over the extract, and this "
        "hospital's random share of the public coin where patients are matched by lot.",
        f"Foretold by playing the plan on {foretold.patients} made-up patients in "
        f"{foretold.hospitals} hospitals, drawn from the dictionary. Sizes marked 'about' and the "
        "number of trips depend on totals.",
    )
    leaving_section = Section("What will leave each hospital", sentences, leaving_table(rows))
    return costs(foretold.asked), leaving_section


def as_rows(asked: Iterable[Asked]) -> tuple[Leaving, ...]:
    """Say every release in words, in the order in which they leave."""
    found = map(leaving, asked)
    return tuple(Leaving(o.trip, o.step, o.what, o.numbers, o.bytes, not o.about) for o in found)
