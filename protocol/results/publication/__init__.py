"""What may leave the consortium: results reduced for publication (rules P1 to P7).

P1 counts below the profile's floor are told in words, and so are the counts that would give them
away; P2 curves end where few are at risk, and no step or mark of theirs is one patient's; P3
estimates have three significant digits; P4 nothing is of one hospital; P5 nothing differs by a few
patients from an earlier edition; P6 few events for a model are said; P7 what was done is said.
"""

from protocol.results.publication.edition import Edition, publish
from protocol.results.publication.rules import Floors, floors
from protocol.results.publication.withheld import NOT_SHOWN, Withheld

__all__ = ["NOT_SHOWN", "Edition", "Floors", "Withheld", "floors", "publish"]
