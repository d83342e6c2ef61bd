"""`python -m benchmarks.operating`: simulate studies, and write the table of how estimators do.

One process; two thousand studies of each scenario take some minutes of one core. With `--missing`
covariates miss values, and a study takes most of a second.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.operating.estimators import Estimate, estimates
from benchmarks.operating.missing import missing_estimates, plan
from benchmarks.operating.studies import SCENARIOS, SIZES, Scenario, Study, draw_study
from benchmarks.operating.table import HEADER, row
from benchmarks.operating.truth import truths
from protocol.stats.cox import NotEstimable

STUDIES = 2_000
SEED = 20_240_501


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and tell, on stdout and in a file if one is named."""
    asked = _parser().parse_args(arguments)
    write = missing_page if asked.missing else page
    text = write(asked.studies, asked.seed, asked.truth_size)
    print(text, end="")
    if asked.out:
        asked.out.write_text(text, encoding="utf-8")


def page(studies: int, seed: int, truth_size: int) -> str:
    """Simulate every scenario and write the page."""
    parts = [_introduction(studies, seed)]
    for number, scenario in enumerate(SCENARIOS):
        random = np.random.default_rng([seed, number])
        aims = truths(scenario, random, truth_size)
        ask = partial(estimates, random=random)
        parts.append(_section(scenario, aims, studies, random, ask))
    parts.append(_reading())
    return "\n".join(parts)


def missing_page(studies: int, seed: int, truth_size: int) -> str:
    """Simulate studies with missing covariates and write their page."""
    parts, here = [_missing_introduction(studies, seed)], plan()
    for number, scenario in enumerate(SCENARIOS[:2]):
        random = np.random.default_rng([seed, 100 + number])
        aims = truths(scenario, random, truth_size)
        ask = partial(missing_estimates, here=here, random=random)
        parts.append(_section(scenario, aims, studies, random, ask))
    return "\n".join(parts)


def _missing_introduction(studies: int, seed: int) -> str:
    ends = 100 * 1.96 * np.sqrt(0.05 * 0.95 / studies)
    return f"""# How complete cases and imputation do over many studies

Written by `python -m benchmarks.operating --missing --studies {studies} --seed {seed}`; do not
edit.

Studies as in [the other table](operating-characteristics.md), but three covariates (a number, a
mark and a factor) miss about a tenth of their values each, and more than a third in treated
patients who die early: whether a value is missing hangs on the arm, the outcome and a covariate
that is known. Everybody is weighted to the overlap population. Imputation is that of the program:
ten data sets, five sweeps, models and values drawn as in a federation, Rubin's rules with Barnard
and Rubin's degrees of freedom; the mean error is then the half width of the interval over 1.96.
A share of 95 % or 5 % is known to {ends:.1f} points.
"""


def _introduction(studies: int, seed: int) -> str:
    ends = 100 * 1.96 * np.sqrt(0.05 * 0.95 / studies)
    return f"""# How the estimators do over many studies

Written by `python -m benchmarks.operating --studies {studies} --seed {seed}`; do not edit.

Each of the {studies:,} studies a scenario has {sum(SIZES)} patients in {len(SIZES)} hospitals of
{", ".join(map(str, SIZES[:-1]))} and {SIZES[-1]}, nine covariates, 29 % treated and about 70 % with
an event. Hospitals differ in case mix and in how readily they treat. All analyses take 1:1 matching
with a caliper of 0.2 SD of the logit score, and Cox regression with Efron's ties. Quotas, pairs,
hazard ratios and variances are computed by the functions that the federation runs; masks change no
number, and the lottery's keyed hashes are replaced by uniform numbers.

- **error**: `model` from the information, `robust` the sandwich of independent patients, `pairs`
  the sandwich of pairs: by groups of transport cells for quotas, by the pairs themselves for
  nearest neighbours.
- **bias**: mean log hazard ratio less the true one of the group that the method aims at: the
  treated, or patients who could have had either arm (overlap weights). A caliper leaves some of
  the treated out, so that matched estimates aim a little beside it.
- **rejected**: share of studies whose Wald test has P < 0.05: type I error without an effect, power
  with one.
- A share of 95 % or 5 % is known to {ends:.1f} points (95 % limits of the simulation).
"""


def _reading() -> str:
    return """## How to read it

- What matching and weights are for shows in the bias, beside the row without adjustment; what a
  caliper and the lottery cost shows in the SD of the estimates, beside overlap weights.
- A mean error above the SD of estimates is conservative: the score is estimated, and errors that
  take it as known are then too wide (Abadie and Imai 2016, Econometrica 84, 781-807).
- Where hospitals that treat more also do better for reasons that nobody measured, all comparisons
  across hospitals are biased: they are as good as their covariates and no better. Pairs within
  hospitals are not: that is what their wider limits buy, and why the report shows both.
"""


def _section(
    scenario: Scenario,
    aims: dict[str, float],
    studies: int,
    random: np.random.Generator,
    ask: Callable[[Study], Iterator[Estimate]],
) -> str:
    found: dict[tuple[str, str], list[Estimate]] = defaultdict(list)
    lost = 0
    for number in range(studies):
        if number % 100 == 0:
            print(f"{scenario.name}: {number} of {studies}", file=sys.stderr)
        try:
            for one in ask(draw_study(scenario, random)):
                found[one.method, one.error].append(one)
        except NotEstimable:
            lost += 1
    rows = [row(those, aims[those[0].target]) for those in found.values()]
    told = (
        f"True log hazard ratio: {scenario.log_hr:g} given the covariates, {aims['treated']:.3f} "
        f"in the treated, {aims['overlap']:.3f} in the overlap population. SD between hospitals: "
        f"{scenario.preference_sd:g} in the log odds of treatment, {scenario.frailty_sd:g} in the "
        f"log hazard beyond the covariates, correlation {scenario.correlation:g}. "
        f"Studies without a hazard ratio: {lost}."
    )
    title = f"## {scenario.name[:1].upper()}{scenario.name[1:]}"
    return "\n".join([title, "", told, "", HEADER, *rows, ""])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks.operating", description=__doc__)
    parser.add_argument("--studies", type=int, default=STUDIES, help="studies of each scenario")
    parser.add_argument("--seed", type=int, default=SEED, help="where the random numbers begin")
    parser.add_argument(
        "--truth-size", type=int, default=2_000, help="copies of the hospitals to find the truth"
    )
    parser.add_argument("--missing", action="store_true", help="covariates miss values")
    parser.add_argument("--out", type=Path, help="write the page to this file too")
    return parser


if __name__ == "__main__":
    main()
