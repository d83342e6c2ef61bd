"""A number that is not shown: it stands where the number stood, and says so in words."""

import math


class Withheld(float):
    """NaN with words. Whatever is worked out from it is not shown either."""

    __slots__ = ("words",)
    words: str

    def __new__(cls, words: str) -> "Withheld":
        """Make one that is told by these words."""
        made = super().__new__(cls, math.nan)
        made.words = words
        return made

    def __str__(self) -> str:
        return self.words

    def __repr__(self) -> str:
        return f"Withheld({self.words!r})"

    def __format__(self, spec: str) -> str:
        return self.words

    def _derived(self, *_: object) -> "Withheld":
        return NOT_SHOWN

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = _derived
    __truediv__ = __rtruediv__ = __pow__ = __rpow__ = _derived

    def __abs__(self) -> "Withheld":
        return self

    def __neg__(self) -> "Withheld":
        return self


NOT_SHOWN = Withheld("not shown")
"""Stands for what would give another number away."""
