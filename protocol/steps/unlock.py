"""Unlock: nothing is asked of any patient; from here on outcomes are. Stands before them."""

from dataclasses import dataclass
from typing import ClassVar

from protocol.cohort import Cohort
from protocol.layout import Layout, Release
from protocol.question import Key, Opened, Silent


@dataclass(frozen=True)
class Unlock(Silent):
    """No patient data: the coordinating centre has seen the balance, and the design is finished.

    A plan with locked outcomes asks it alone, after everything that knows no outcome and before
    everything that does. The centre's software asks it only once a person has given a reason, so
    in a hospital's ledger its line divides design from outcomes.
    """

    name: ClassVar[str] = "unlock/1"
    partners_only: ClassVar[bool] = False

    def key(self) -> Key:
        """One unlocking a study."""
        return ()

    def layout(self) -> Layout:
        """Nothing but the protocol's own lanes."""
        return Layout(())

    def local(self, cohort: Cohort) -> Release:  # noqa: ARG002 - no patient data
        """Release nothing. Run by a hospital."""
        return {}

    def learn(self, opened: Opened) -> None:
        """Learn nothing but that all hospitals answered. Run by everyone."""
