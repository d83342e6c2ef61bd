"""Numbers to words, and totals back to numbers."""

from tests.vectors.build import Case, case, counts_case, in_bytes, reals_case


def encodings() -> list[Case]:
    tiny = 2.0**-64
    near = [0.0, -0.0, tiny, -tiny, tiny / 2, -tiny / 2, tiny * 1.5, -tiny * 1.5, tiny * 2.5]
    more = [5e-324, -5e-324, 2.0**-11 + 2.0**-63, 1e-9, -1e-9, 1 - 2.0**-53, 0.1, -1e17]
    edge = 2.0**62 * (1 - 2.0**-53)
    return [
        reals_case("half to even around 2^-64", near),
        reals_case("subnormals, and all over the range", more),
        reals_case("the largest bound one site may have", [edge, -edge], bound=edge, sites=1),
        reals_case("the largest bound of 1024 sites", [4.5e15], bound=4.5e15, sites=1024),
        reals_case("bound 2^62", [0.0], bound=2.0**62, sites=1),
        reals_case("n times bound reaches 2^62", [0.0], bound=2.0**60, sites=4),
        reals_case("n times bound just below, though not in floats", [0.0], bound=2.0**62 / 3),
        reals_case("the next bound above", [0.0], bound=2.0**62 / 3 + 256),
        reals_case("an infinite bound", [0.0], bound=float("inf")),
        reals_case("not a number", [float("nan")]),
        reals_case("infinity", [float("inf")]),
        reals_case("minus infinity", [float("-inf")]),
        reals_case("beyond the bound", [1.0, -1.0000000000000002], bound=1.0),
        counts_case("counts", [0, 1, 10]),
        counts_case("counts in 128 bits", [0, 7], width=128),
        counts_case("a negative count", [-1]),
        counts_case("a count beyond its bound", [11]),
        counts_case("a count beyond 2^63", [2**63]),
        counts_case("a count that is a float", ["0x1p0"]),
        counts_case("1024 sites of almost 2^53", [2**53 - 1], bound=2**53 - 1, sites=1024),
        counts_case("1024 sites of 2^53", [1], bound=2**53, sites=1024),
        counts_case("one site of 2^63", [1], bound=2**63, sites=1),
        *_decodings(),
    ]


def _decodings() -> list[Case]:
    def reals(name: str, *totals: int, bound: float = 2.0**60) -> Case:
        words = in_bytes([total % 2**128 for total in totals], 128)
        given = {"bound": bound.hex(), "width": 128, "sites": 3, "cells": len(totals)}
        return case(name, "6.4", "decode", kind="real", words=words, **given)

    def counts(name: str, total: int, bound: int, width: int = 64) -> Case:
        given = {"bound": bound, "width": width, "sites": 3, "cells": 1}
        return case(name, "6.4", "decode", kind="count", words=in_bytes([total], width), **given)

    return [
        reals("totals", 0, 2**64, -(2**64), 1, -1, 3 * 2**124, -3 * 2**124),
        reals("rounding as one division", 2**64 + 2**11, 2**64 + 2**11 + 1, 2**64 + 3 * 2**11),
        reals("a tie far below the point's word", 2**117 + 2**64, 2**117 + 2**64 + 1),
        reals("one unit beyond n times bound", 3 * 2**124 + 1),
        reals("one unit below minus that", -3 * 2**124 - 1),
        reals("the smallest number of all", -(2**127)),
        reals("a bound below half a unit", 1, bound=2.0**-66),
        counts("at n times bound", 30, 10),
        counts("one beyond", 31, 10),
        counts("a count below 0", 2**64 - 1, 10),
        counts("at n times bound, 128 bits", 30, 10, 128),
        counts("something in the high half", 2**64, 10, 128),
    ]
