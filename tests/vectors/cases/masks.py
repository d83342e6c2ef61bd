"""Set-up, step digests and masks on bare words."""

from collections.abc import Sequence
from typing import Any

from tests.vectors.build import ABC, Case, case, mask_case, setup_given, step_case, units

TRANSCRIPT = "d3eedc974545b966d52468d865f7adfdb0c9ff6dbe0896ac9db8287b4e8b8e23"
"""T of the three sites of "three sites"; bare masks need no other."""


def low_level() -> list[Case]:
    """Set-up and masks on bare words, without roster or lanes."""
    a_b_c = [[1, 0, 2, 3, 2**40], [0, 0, 5, 1, 7], [4, 0, 0, 0, 2**50]]
    fixed = [[1.5, -2.25, 1e-9, -1e9], [0.1, 0.2, -1e-9, 3e9], [-0.1, 2.0, 0.0, -2e9]]
    reals = [[units(x) for x in xs] for xs in fixed]
    seven = [f"s{k}" for k in (7, 8, 9, 10, 11, 12, 13)]
    hundred = [f"hospital-{k:02}" for k in range(100)]
    two = (hundred[0], hundred[50])
    ones = {"step": 1, "kind": "k", "params": "00"}
    return [
        case("three sites", "4.4", "setup", **setup_given(ABC)),
        case("ids in byte order: s10 < s9", "4.4", "setup", **setup_given(("s9", "s10", "S9"))),
        case("another epoch", "4.1", "setup", **setup_given(ABC, epoch=1)),
        _mask("three sites, 64 bits", ABC, a_b_c, step=7, kind="riskset", params=""),
        _mask("three sites, 128 bits", ABC, reals, 128, step=8, kind="newton", params="00" * 8),
        _mask("one word", ABC, [[1], [2], [3]], **ones),
        _mask("one word of 128 bits", ABC, [[-1], [2**126], [-(2**126)]], 128, **ones),
        _mask("every cell 2^63: the sum wraps", ABC, [[2**63] * 3] * 3, **ones),
        _mask("wraps at 2^128 too", ABC, [[2**127]] * 3, 128, **ones),
        _mask("s10 before s9", ("s9", "s10", "S9"), [[1], [20], [300]], **ones),
        _mask("seven sites", seven, [[k, k * k] for k in range(7)], **ones),
        _mask("a hundred sites, two shown", hundred, [[k] for k in range(100)], shown=two, **ones),
        step_case("a step", length=5),
        step_case("width 128", width=128, length=4),
        step_case("no words", length=0),
        step_case("words of 32 bits", width=32, length=4),
        step_case("longer than one key may mask", length=2**33 + 1),
        step_case("step number beyond u32", step=2**32, length=4),
        step_case("step number below 0", step=-1, length=4),
        case("params", "5.3", "params", chain="11" * 32, key=[3, "dfs", -1]),
        case("params of an empty key", "5.3", "params", chain="11" * 32, key=[]),
        case("params beyond ASCII", "5.3", "params", chain="11" * 32, key=["Überleben"]),
        case("a float in the key", "5.3", "params", chain="11" * 32, key=[0.5]),
        case("a truth value in the key", "5.3", "params", chain="11" * 32, key=[True]),
        case("a short chain", "5.3", "params", chain="11" * 31, key=[]),
    ]


def _mask(
    name: str,
    sites: Sequence[str],
    words: Sequence[Sequence[int]],
    width: int = 64,
    /,
    **step: Any,
) -> Case:
    return mask_case(name, TRANSCRIPT, dict(zip(sites, words, strict=True)), width, **step)
