"""Categories: how many hospitals have each combination of levels that pairs have to agree on."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from protocol.cohort import Cohort
from protocol.disclosure import rules
from protocol.layout import Layout, Release, count
from protocol.question import Key, Opened, Silent
from protocol.steps.overlap import Strata


@dataclass(frozen=True)
class Categories(Silent):
    """Count the hospitals at each category, before scores are counted within it (rule S7).

    The histogram of a category at one hospital would be that hospital's own.
    """

    name: ClassVar[str] = "categories/1"
    partners_only: ClassVar[bool] = False
    design: str
    strata: Strata

    def key(self) -> Key:
        """One count a design."""
        return (self.design,)

    def layout(self) -> Layout:
        """Send one indicator a category."""
        words = "whether the hospital has complete cases of the category"
        shape = (len(self.strata.categories),)
        return Layout((count("hospitals", shape, words, 1, "hospitals"),))

    def local(self, cohort: Cohort) -> Release:
        """Look which categories this hospital has. Run by a hospital."""
        category = self.strata.category(cohort)
        there = np.bincount(category[category >= 0], minlength=len(self.strata.categories))
        return {"hospitals": (there > 0).astype(np.int64)}

    def learn(self, opened: Opened) -> tuple[int, ...]:
        """List the categories of too few hospitals, but not of none. Run by everyone."""
        demand = rules(self.strata.model.plan).strata_hospitals
        hospitals = [int(number) for number in opened.sums["hospitals"]]
        return tuple(place for place, number in enumerate(hospitals) if 0 < number < demand)
