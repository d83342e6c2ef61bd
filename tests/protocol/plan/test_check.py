"""Every rule finds its plan, and finds nothing else wrong with it.

The plans are in tests/data/plans: base.toml is right, broken.toml and odd.toml change it.
"""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest

from protocol.errors import ProblemsError
from protocol.layout import real
from protocol.plan.check import check, warnings
from protocol.plan.read import read_plan
from protocol.plan.sentences import TABLES
from protocol.secagg.encoding import CapacityError, check_capacity
from riskset.plans import Builtin, read_builtin

PLANS = Path(__file__).parents[2] / "data" / "plans"
BASE = (PLANS / "base.toml").read_text()
BROKEN = tomllib.loads((PLANS / "broken.toml").read_text())["cases"]
ODD = tomllib.loads((PLANS / "odd.toml").read_text())["cases"]


def changed(case: dict[str, Any]) -> str:
    """Apply a case's one change to the base plan; what it changes has to be there once."""
    old, new = str(case["old"]), str(case["new"])
    assert BASE.count(old) == 1
    return BASE.replace(old, new)


def test_base_has_neither_problems_nor_warnings() -> None:
    plan = read_plan(BASE, "base.toml")
    assert check(plan) == []
    assert warnings(plan) == []


@pytest.mark.parametrize("name", get_args(Builtin))
def test_packaged_plans_have_neither_problems_nor_warnings(name: Builtin) -> None:
    assert warnings(read_plan(read_builtin(name), name)) == []


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case["name"])
def test_broken_plan_is_refused_with_all_its_problems(case: dict[str, Any]) -> None:
    with pytest.raises(ProblemsError) as caught:
        read_plan(changed(case), "broken.toml")
    assert [str(problem) for problem in caught.value.problems] == case["expect"]
    assert all(problem.fix for problem in caught.value.problems)


@pytest.mark.parametrize("case", ODD, ids=lambda case: case["name"])
def test_odd_plan_is_read_with_a_warning(case: dict[str, Any]) -> None:
    plan = read_plan(changed(case), "odd.toml")
    assert [str(warning) for warning in warnings(plan)] == case["expect"]


DESIGN = '[[designs]]\nname = "matched"\nmethod = "pooled-quota"\nexact = ["stage"]\n'
USES = {
    "weighting": (DESIGN, '[[weightings]]\nname = "overlap"\ntarget = "overlap"\n'),
    "strata": (DESIGN, "[stratification]\nstrata = 5\n"),
    "adjusted": ("horizon = 1000\n", "horizon = 1000\nadjusted = true\n"),
    "doubly robust": ('variable = "harm"\n', 'variable = "harm"\ndoubly_robust = true\n'),
}


@pytest.mark.parametrize(("old", "new"), USES.values(), ids=USES)
def test_whatever_uses_the_model_speaks_for_it(old: str, new: str) -> None:
    bare = BASE.replace(DESIGN, "")
    unused = "propensity: the model is fitted, and nothing uses it"
    assert [str(one) for one in warnings(read_plan(bare, "bare.toml"))] == [unused]
    text = BASE.replace(DESIGN, new) if old == DESIGN else bare.replace(old, new)
    assert text not in (BASE, bare)
    # Tables of subgroups and of strata are not asked for together.
    text, _, _ = text.partition("[[subgroups]]")
    assert unused not in [str(one) for one in warnings(read_plan(text, "used.toml"))]


def test_problems_of_different_kinds_come_together() -> None:
    text = BASE.replace("min_sites = 3", "min_sites = 1").replace('event = "ended"', 'event = "x"')
    with pytest.raises(ProblemsError, match="2 problems"):
        read_plan(text, "broken.toml")


def test_designs_need_a_propensity_model() -> None:
    begin, end = BASE.index("[propensity]"), BASE.index("[[designs]]")
    with pytest.raises(ProblemsError, match="designs match on the propensity score"):
        read_plan(BASE[:begin] + BASE[end:], "broken.toml")


def test_too_many_columns() -> None:
    levels = ", ".join(f'"{n}"' for n in range(101))
    text = BASE.replace('levels = ["I", "II", "unknown"]', f"levels = [{levels}]")
    text = text.replace('missing_level = "unknown"\n', "").replace('reference = "II"', "")
    text = text.replace('levels = ["unknown"]', 'levels = ["5"]').replace("= 400", "= 4000")
    with pytest.raises(ProblemsError) as caught:
        read_plan(text, "broken.toml")
    assert [str(problem) for problem in caught.value.problems] == [
        "variables[4] (stage).levels: has more than 100 levels",
        "propensity.covariates: the model has 105 columns with the intercept; at most 100 "
        "(rule S3)",
        "designs[1] (matched).exact: pairs would have to agree on more than 100 combinations of "
        "levels",
    ]


def test_one_hospital_is_enough_where_all_rows_are_on_one_machine() -> None:
    text = BASE.replace('profile = "exact"', 'profile = "open"')
    assert read_plan(text.replace("min_sites = 3", "min_sites = 1"), "open.toml").designs


def test_lists_are_bounded() -> None:
    entry = '[[endpoints]]\nname = "e{}"\nlabel = "{}"\ntype = "binary"\nvariable = "harm"\n'
    text = BASE + "\n" + "".join(entry.format(n, n) for n in range(29))
    with pytest.raises(ProblemsError, match="endpoints: has more than 30 entries"):
        read_plan(text, "long.toml")


def test_the_template_shows_every_key() -> None:
    text = read_builtin("template")
    keys = {key for table in TABLES.values() for key in table.model_fields}
    missing = {key for key in keys if f"{key} = " not in text and f"{key}]]" not in text}
    # The sections that are tables and not lists.
    tables = {"study", "disclosure", "treatment", "propensity", "imputation"}
    assert missing == tables | {"stratification", "sensitivity"}


def test_sums_that_are_accepted_fit_their_words() -> None:
    """The largest range of the corpus that is right has capacity, the smallest wrong one none."""
    reach, hospitals, patients = 4e7, 3, 1000
    squares = real("squares", (1,), "sums of squares", patients * reach * reach)
    with pytest.raises(CapacityError):
        check_capacity(squares, hospitals)
    fitting = BASE.replace("range = [0, 50]", "range = [0, 3.9e7]")
    assert read_plan(fitting, "wide.toml").variables
    check_capacity(replace(squares, bound=patients * 3.9e7**2), hospitals)
