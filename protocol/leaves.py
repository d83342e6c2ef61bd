"""What will leave each hospital and who sees it, in words.

Whoever writes a plan, approves it or looks at it on own rows reads the same words: the layouts'.
"""

from collections.abc import Iterable

import numpy as np
from numpy.random import Generator

from protocol.costs import costs
from protocol.forecast import forecast
from protocol.plan.explain import Leaving, Section, explain, leaving_table
from protocol.plan.model import Plan
from protocol.results.fold import leaving
from protocol.run import Asked

SEED = 1
"""Of the patients that are made up: fixed, so that every reader of a plan reads the same sizes."""

RECIPIENT = (
    "The coordinating centre is a recipient of unsuppressed pooled sums: of everything that will "
    "leave, as above, it sees the total over all hospitals, uncut, a count of one patient too.",
    "Floors on small counts decide what is asked for and what is to be published. They take "
    "nothing out of the totals that the centre sees.",
    "What a single hospital sends is noise to the centre and to the other hospitals. Whoever works "
    "together with all hospitals but one can subtract, and has that one's numbers; with all but "
    "two, the sum of these two.",
)

SOLVABLE = (
    "The plan asks whether hospitals agree, by sums over hospitals of w, w², wθ and wθ²: θ is a "
    "hospital's own log hazard ratio and w its weight. All hospitals but two, if they work "
    "together, can take out their own and solve what is left for θ and w of each of the two."
)
"""Rule S7's remainder: four sums, four unknowns."""


def told(plan: Plan) -> tuple[Section, ...]:
    """Say a plan whole: what it asks, what will leave each hospital, and who sees it.

    For a plan without problems; see `protocol.plan.check`. The same for everybody who reads it.
    """
    return (*explain(plan), *leaves(plan, np.random.default_rng(SEED)), seen(plan))


def seen(plan: Plan) -> Section:
    """Say what the coordinating centre sees, and what others could find out together."""
    agreement = plan.sensitivity is not None and plan.sensitivity.heterogeneity
    sentences = (*RECIPIENT, SOLVABLE) if agreement else RECIPIENT
    return Section("What the coordinating centre will see", sentences)


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
