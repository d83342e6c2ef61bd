"""What leaves a hospital in one step: names, shapes, units and bounds.

A layout is at once the wire schema, the bound that keeps sums from overflowing, and the rows of
the table "what will leave this hospital". Nothing about a release is described a second time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from protocol.errors import FederationError

Release = Mapping[str, NDArray[Any]]
"""What a hospital puts into one step, by field, before encoding and masking."""


class ReleaseError(FederationError):
    """A release does not fit its layout."""

    code = "release-layout"
    fix = "widen the range in the plan if the data are right, and have the plan signed again"


@dataclass(frozen=True)
class Field:
    """One array of numbers of the same kind.

    `bound` is the largest absolute value that one hospital may send in one cell.
    """

    name: str
    shape: tuple[int, ...]
    what: str
    kind: Literal["count", "real"]
    bound: float
    unit: str = "patients"

    @property
    def numbers(self) -> int:
        """How many numbers the field holds."""
        return prod(self.shape)


def count(
    name: str, shape: tuple[int, ...], what: str, bound: int, unit: str = "patients"
) -> Field:
    """Describe whole numbers from 0 to `bound`, summed without error."""
    return Field(name, shape, what, "count", bound, unit)


def real(name: str, shape: tuple[int, ...], what: str, bound: float, unit: str = "") -> Field:
    """Describe real numbers from -bound to bound, summed as 2^-64 fixed point."""
    return Field(name, shape, what, "real", bound, unit)


@dataclass(frozen=True)
class Layout:
    """The fields of one step, in the order in which they travel.

    `about` says that the number of cells, or how often the step is asked, depends on totals of
    earlier steps, so that a forecast made before the study can only be near.
    """

    fields: tuple[Field, ...]
    about: bool = False

    @cached_property
    def numbers(self) -> int:
        """How many numbers travel, without the protocol's own lanes."""
        return sum(field.numbers for field in self.fields)

    @property
    def width(self) -> Literal[64, 128]:
        """Bits of one masked word: 64 if every field counts, else 128 for all (SPEC 3)."""
        return 64 if all(field.kind == "count" for field in self.fields) else 128

    def arranged(self, release: Release) -> list[tuple[Field, NDArray[Any]]]:
        """Pair each field with its array, flat and checked.

        Raises
        ------
        ReleaseError
            If a field is missing or unknown, has another shape, holds a number that is not
            finite, not whole where it counts, negative where it counts, or beyond its bound.
        """
        names = {field.name for field in self.fields}
        if names != release.keys():
            odd = ", ".join(sorted(names ^ release.keys()))
            raise ReleaseError(f"fields differ from the layout: {odd}")
        return [(field, _checked(field, np.asarray(release[field.name]))) for field in self.fields]

    def split(self, flat: NDArray[Any]) -> dict[str, NDArray[Any]]:
        """Cut a flat vector of `numbers` cells back into named arrays."""
        ends = np.cumsum([field.numbers for field in self.fields])[:-1]
        parts = np.split(flat, ends) if self.fields else []
        return {
            field.name: part.reshape(field.shape)
            for field, part in zip(self.fields, parts, strict=True)
        }


def _checked(field: Field, values: NDArray[Any]) -> NDArray[Any]:
    if values.shape != field.shape:
        raise ReleaseError(f"{field.name}: shape {values.shape} instead of {field.shape}")
    if field.kind == "count" and values.dtype.kind not in "iu":
        raise ReleaseError(f"{field.name}: a count must be a whole number")
    if not np.isfinite(values).all():
        raise ReleaseError(f"{field.name}: a number is not finite")
    if field.kind == "count" and (values < 0).any():
        raise ReleaseError(f"{field.name}: a count is negative")
    if (np.abs(values) > field.bound).any():
        raise ReleaseError(f"{field.name}: a number is beyond the plan's bound of {field.bound:g}")
    return values.ravel()
