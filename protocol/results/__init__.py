"""Results: a pure fold over the record of a study's sums."""

from protocol.results.fold import results
from protocol.results.model import Results

__all__ = ["Results", "results"]
