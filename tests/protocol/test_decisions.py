"""What every party replays has to come out the same to the last bit, on any machine.

Decisions (converged? which key? what next?) may use whole numbers and + - * / and square roots in
one order. The first part reads the code for anything else; the second replays a recorded study in
other Python versions.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from tests.federation.cohorts import ROSTER, Walked, crlm, walk
from tests.protocol.replay import questions, record

ROOT = Path(__file__).parents[2]
REPLAY = Path(__file__).parent / "replay.py"

WHOLE_MODULES = (
    "protocol/program.py",
    "protocol/play.py",
    "protocol/parts/propensity.py",
    "protocol/parts/matching.py",
    "protocol/parts/outcomes.py",
    "protocol/parts/by_hospital.py",
    "protocol/parts/adjusted.py",
    "protocol/parts/strata.py",
    "protocol/parts/imputation.py",
    "protocol/parts/quantiles.py",
    "protocol/stats/linear.py",
    "protocol/stats/moments.py",
    "protocol/stats/heterogeneity.py",
    "protocol/stats/transport.py",
    "protocol/stats/logistic.py",
    "protocol/stats/draws.py",
)
"""Modules of which every function decides, but for those in `INFORMS`."""

DECIDES = {
    "protocol/stats/cox.py": {"next_log_hr", "converged", "check_estimable"},
    "protocol/stats/distributions.py": {"ratio"},
    "protocol/stats/imputation.py": {
        "numbers_needed",
        "draw_linear",
        "draw_levels",
        "_one_level",
        "_scatter",
        "_bartlett",
        "_forward",
        "_backward",
    },
    "protocol/steps/completion.py": {"targets", "_target", "Target.levels", "Recipe.columns"},
    "protocol/stats/quantiles.py": {"type_7"},
    "protocol/steps/quantiles.py": {
        "scale",
        "searched",
        "quartile_searches",
        "_ranks",
        "RankCounts._narrowed",
    },
    "protocol/steps/hazard.py": {"nelson_aalen", "_means"},
    "protocol/steps/imputation.py": {"CrossProducts._normals", "CrossProducts._size"},
    "protocol/steps/atoms.py": {
        "permitted",
        "Membership.size",
        "Membership.groups",
        "Membership.patterns",
    },
    "protocol/steps/describe.py": {
        "Description.patients",
        "Description.moments",
        "Description.level",
        "Description.hospitals",
    },
    "protocol/steps/flow.py": {"FlowOfPatients.incomplete", "_pair"},
    "protocol/steps/level_atoms.py": {
        "levels_apart",
        "LevelGroups.everybody",
        "LevelGroups.within",
    },
    "protocol/steps/level_sizes.py": {"small_levels", "_too_small", "subgroup_levels"},
    "protocol/steps/lock.py": {"statements"},
    "protocol/steps/lottery.py": {
        "Slices._narrow",
        "quota_searches",
        "border_searches",
        "with_thresholds",
    },
    "protocol/steps/model.py": {
        "propensity_model",
        "_judged",
        "_unfit",
        "_unfit_level",
        "_unfit_rest",
        "_at_level",
        "_pooled_mean_sd",
    },
    "protocol/steps/overlap.py": {
        "Bins.lowest",
        "Bins.number",
        "score_bins",
        "Strata.categories",
        "Strata.places",
    },
    "protocol/steps/plausible.py": {"require", "require_information", "require_moments"},
    "protocol/steps/quota.py": {
        "Quotas.matched",
        "Quotas.left_out",
        "Quotas.to_split",
        "Quotas.cells",
        "Quotas.borders",
        "decide_quotas",
        "_merge",
        "_taken",
    },
    "protocol/steps/residuals.py": {"merged_cells"},
    "protocol/disclosure.py": {"small_difference", "rules", "time_grid"},
    "protocol/grid.py": {"grid", "Grid.cells"},
}
"""Functions that decide, in modules that do other things as well; `learn` always does."""

INFORMS = {
    "protocol/stats/logistic.py": {
        "Fit.raw",
        "Fit.covariance",
        "Fit.std_error",
        "Fit.null_deviance",
        "Fit._back",
    },
}
"""Functions of the report, on which no question hangs."""

WHOLE_NUMBERS = {
    "protocol/steps/atoms.py:Atoms.learn": "patients by pattern",
    "protocol/steps/atoms.py:Membership.size": "patients by pattern",
    "protocol/steps/flow.py:Flow.learn": "rows and patients",
    "protocol/steps/hazard.py:Hazard.learn": "patients by time",
    "protocol/steps/risk_table.py:RiskTableStep.learn": "patients by time",
    "protocol/steps/describe.py:Description.moments": "patients by level",
    "protocol/steps/quota.py:Quotas.matched": "patients taken",
    "protocol/steps/quota.py:Quotas.left_out": "patients not taken",
    "protocol/steps/quota.py:decide_quotas": "patients by bin and arm",
    "protocol/stats/transport.py:_alignment": "costs and positions as 64-bit integers",
}
"""Functions that sum or accumulate whole numbers, in which no order or rounding can matter."""

SAFE_MATH = {"sqrt", "isnan", "isfinite", "inf", "nan", "floor", "ceil", "copysign", "frexp"}
SAFE_NUMPY = {
    "abs",
    "arange",
    "argwhere",
    "array",
    "bool_",
    "diff",
    "empty",
    "flatnonzero",
    "float64",
    "full",
    "int64",
    "maximum",
    "minimum",
    "ndarray",
    "repeat",
    "searchsorted",
    "uint8",
    "where",
    "zeros",
    "zeros_like",
}
REDUCTIONS = {"sum", "mean", "std", "var", "prod", "cumsum", "dot", "accumulate", "reduce"}


@dataclass(frozen=True)
class Function:
    """A function of a module, by its qualified name."""

    module: str
    name: str
    node: ast.FunctionDef

    @property
    def decides(self) -> bool:
        if self.name.split(".")[-1] == "learn":
            return True
        if self.name in INFORMS.get(self.module, set()):
            return False
        return self.module in WHOLE_MODULES or self.name in DECIDES.get(self.module, set())


def functions(module: str) -> Iterator[Function]:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))

    def within(node: ast.AST, prefix: str) -> Iterator[Function]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                yield from within(child, f"{child.name}.")
            elif isinstance(child, ast.FunctionDef):
                yield Function(module, prefix + child.name, child)

    yield from within(tree, "")


@cache
def deciding() -> tuple[Function, ...]:
    steps = sorted(str(p.relative_to(ROOT)) for p in (ROOT / "protocol/steps").glob("*.py"))
    modules = dict.fromkeys([*WHOLE_MODULES, *DECIDES, *steps])
    return tuple(f for module in modules for f in functions(module) if f.decides)


def violations(function: Function) -> Iterator[str]:
    """Find operations whose last bit may differ between machines or versions."""
    whole = f"{function.module}:{function.name}" in WHOLE_NUMBERS
    for node in ast.walk(function.node):
        what = _operation(node) or _library(node) or (None if whole else _reduction(node))
        if what:
            yield f"{function.module}:{getattr(node, 'lineno', 0)} {function.name}: {what}"


def _operation(node: ast.AST) -> str | None:
    match node:
        case ast.BinOp(ast.Constant(int()), ast.Pow(), ast.Constant(int())):
            return None
        case ast.BinOp(op=ast.Pow()) | ast.AugAssign(op=ast.Pow()):
            return "**"
        case ast.BinOp(op=ast.MatMult()):
            return "@"
        case ast.Call(func=ast.Name(id="pow")):
            return "pow"
    return None


def _library(node: ast.AST) -> str | None:
    match node:
        case ast.Attribute(value=ast.Name(id="math"), attr=name) if name not in SAFE_MATH:
            return f"math.{name}"
        case ast.Attribute(value=ast.Name(id="np"), attr=name) if name not in SAFE_NUMPY:
            return f"np.{name}"
    return None


def _reduction(node: ast.AST) -> str | None:
    match node:
        case ast.Call(func=ast.Name(id="sum")):
            return "sum"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="linear"))):
            return None  # this project's own, and in the scan itself
        case ast.Call(func=ast.Attribute(attr=name)) if name in REDUCTIONS:
            return f".{name}()"
    return None


def test_the_lists_name_functions_that_exist() -> None:
    """A renamed function must not slip out of the scan."""
    for listed in (DECIDES, INFORMS):
        for module, names in listed.items():
            assert names <= {f.name for f in functions(module)}, module
    there = {f"{f.module}:{f.name}" for f in deciding()}
    assert there >= WHOLE_NUMBERS.keys()


def test_every_step_learns_within_the_scan() -> None:
    learning = {f.module for f in deciding() if f.name.endswith(".learn")}
    steps = {str(p.relative_to(ROOT)) for p in (ROOT / "protocol/steps").glob("*.py")}
    without = {"__init__", "completion", "model", "plausible", "population", "quota"}
    without |= {"open_only", "weighting", "within"}
    assert learning == {s for s in steps if Path(s).stem not in without}


@pytest.mark.parametrize("function", deciding(), ids=lambda f: f"{f.module}:{f.name}")
def test_decisions_round_alike_everywhere(function: Function) -> None:
    assert list(violations(function)) == []


@pytest.mark.parametrize(
    "line",
    [
        "sum(values)",
        "x ** 2",
        "math.exp(x)",
        "math.log(x)",
        "np.exp(x)",
        "np.linalg.solve(x, y)",
        "x @ y",
        "np.dot(x, y)",
        "x.sum()",
        "x.mean()",
        "np.sum(x)",
        "math.fsum(x)",
        "math.pow(x, 2)",
        "np.add.reduce(x)",
    ],
)
def test_the_scan_sees_each_banned_operation(line: str) -> None:
    node = ast.parse(f"def learn(x, y, values):\n    return {line}").body[0]
    assert isinstance(node, ast.FunctionDef)
    assert list(violations(Function("m", "learn", node)))


def test_the_scan_lets_safe_operations_pass() -> None:
    text = "def learn(x):\n    return math.sqrt(x * x + 1) / np.abs(x) - len(x) // 2"
    node = ast.parse(text).body[0]
    assert isinstance(node, ast.FunctionDef)
    assert list(violations(Function("m", "learn", node))) == []


def interpreters() -> list[str]:
    """Find other Pythons on this machine that can import what `protocol` needs."""
    homes = [Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"]
    found = [str(p) for home in homes for p in sorted(home.glob("3.1[1-9]*/bin/python"))]
    found += [p for v in range(11, 16) if (p := shutil.which(f"python3.{v}"))]
    extra = os.environ.get("RISKSET_OTHER_PYTHON")
    return [p for p in ([extra] if extra else []) + found if _able(p)]


def _able(python: str) -> bool:
    """Say whether it is another version, with the libraries to run a hospital's part."""
    needs = "import sys, numpy, pydantic, cryptography, sklearn, scipy; print(sys.version_info[:2])"
    try:
        done = subprocess.run(
            [python, "-c", needs], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0 and done.stdout.strip() != str(sys.version_info[:2])


@cache
def seed_study() -> Walked:
    return walk(*crlm())


@cache
def recorded() -> str:
    return record(crlm()[0], ROSTER, seed_study().answers)


@cache
def replayed() -> list[list[Any]]:
    return questions(recorded())


def asked_by(python: str) -> list[list[Any]]:
    """Let a Python replay the recorded study, in another process, and say what it asks."""
    done = subprocess.run(
        [python, "-I", str(REPLAY), str(ROOT)],
        input=recorded(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    asked: list[list[Any]] = json.loads(done.stdout)
    return asked


def test_the_record_leads_to_the_questions_that_were_asked() -> None:
    asked = [(name, tuple(key)) for name, key, *_ in replayed()[:-1]]
    assert asked == seed_study().questions
    assert replayed()[-1] == ["end"]


def test_a_fresh_process_replays_the_same_questions() -> None:
    """Another hash seed, another order of memory: the same to the last bit."""
    assert asked_by(sys.executable) == replayed()


def test_another_python_replays_the_same_questions() -> None:
    """To the last bit of every coefficient, bin and threshold, with its own numpy."""
    others = interpreters()
    if not others:
        pytest.skip("no other Python here has numpy, pydantic, cryptography, scipy and sklearn")
    for python in others:
        assert asked_by(python) == replayed(), python
