"""A node has no path from received bytes to code: read off its own files, exception by exception.

`tests/protocol/test_purity.py` bans what no package may do. A hospital's node may do less still:
start no program, load no library by name, look up no attribute by a name that was received. What it
does all the same is listed here with its reason, and nothing else is let through.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.dotted import attributes, dotted, under
from tests.protocol.test_purity import HARMLESS, ROOT, RUNS_CODE, dangers, modules, parsed

NODE = ("site_node", "protocol")

BANNED = {
    "asyncio.create_subprocess_exec",
    "asyncio.create_subprocess_shell",
    "asyncio.subprocess",
    "cffi",
    "code",
    "concurrent.futures.ProcessPoolExecutor",
    "ctypes",
    "importlib",
    "marshal",
    "multiprocessing",
    "pdb",
    "pickle",
    "pkgutil",
    "pty",
    "runpy",
    "shelve",
    "site",
    "subprocess",
    "xml",
    "xmlrpc",
    "yaml",
}
"""Modules that start programs, load code by name, or unpack objects."""

CALLS = RUNS_CODE | {"getattr", "setattr", "delattr", "globals", "locals", "vars", "type"}
ATTRIBUTES = {
    "__builtins__",
    "__class__",
    "__dict__",
    "__globals__",
    "__reduce__",
    "__subclasses__",
    "dlopen",
    "execv",
    "execve",
    "execvp",
    "fork",
    "import_module",
    "popen",
    "posix_spawn",
    "read_pickle",
    "spawnv",
    "spawnvp",
    "startfile",
    "system",
    "to_pickle",
}

ARGUED: dict[tuple[str, str], str] = {
    ("site_node/house.py", "importlib.util.find_spec"): "looks where two fixed names come from",
    ("site_node/house.py", "find_spec"): "the same",
    ("site_node/audit.py", "getattr"): "names are the columns of the export, written out there",
    ("site_node/audit.py", "vars"): "reads a line of the export to write it",
    ("site_node/status.py", "vars"): "reads a run's status to write it",
    ("site_node/carriers/flower/link.py", "__dict__"): "sets one fixed key of Flower's metadata",
    ("protocol/disclosure_site.py", "getattr"): "names are rows of our own table of rules",
    ("protocol/governance/approval.py", "getattr"): "names are the fields of `Conditions`",
    ("protocol/plan/check_people.py", "getattr"): "names are sections, written out there",
    ("protocol/results/thresholds.py", "getattr"): "names are rows of our own table of rules",
    ("protocol/steps/risk_table.py", "getattr"): "names are two fields, written out there",
}
"""What is let through: module, what the scan says, and why no received byte gets there."""

READ_LATER = "protocol/results/publication/"
"""Made of opened sums by whoever reports: names are fields of dataclasses, or one of two sides."""


def reaches(tree: ast.Module) -> Iterator[str]:
    """Find whatever could run, load or look up by name."""
    yield from dangers(tree)
    for name in dotted(tree):
        if under(name, *BANNED) and not under(name, *HARMLESS):
            yield name
    yield from (name for name in attributes(tree) if name in ATTRIBUTES)
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name in CALLS:
                # With a name that is written out, getattr is an attribute; type of one is a look.
                fixed = name == "getattr" and isinstance(args[1], ast.Constant)
                if not fixed and (name != "type" or len(args) > 1):
                    yield name
            case ast.Name(id=name, ctx=ast.Load()) if name in CALLS - {"type"}:
                if not _called(node, tree):
                    yield name


def _called(name: ast.Name, tree: ast.Module) -> bool:
    """Tell whether a name stands where it is called, and not for a function that is passed on."""
    return any(isinstance(node, ast.Call) and node.func is name for node in ast.walk(tree))


def found() -> set[tuple[str, str]]:
    return {
        (module, name)
        for module in modules(*NODE)
        if not module.startswith(READ_LATER)
        for name in reaches(parsed(module))
    }


def test_a_node_runs_nothing_that_it_receives() -> None:
    assert found() == {(module, what) for module, what in ARGUED if (ROOT / module).exists()}


def test_what_is_reported_later_looks_up_fields_and_nothing_else() -> None:
    """And nothing of the node imports it."""
    later = [module for module in modules("protocol") if module.startswith(READ_LATER)]
    assert {name for module in later for name in reaches(parsed(module))} <= {"getattr"}
    answering = ("site_node/node.py", "site_node/runs.py", "site_node/gate.py")
    for module in answering:
        assert "publication" not in ast.unparse(parsed(module))


def test_what_a_node_takes_as_a_kind_is_a_word_of_a_closed_list() -> None:
    """A step's name is compared with the program's own; it is never a key to code."""
    for module in ("site_node/runs.py", "site_node/node.py", "protocol/party.py"):
        tree = parsed(module)
        subscripts = [n for n in ast.walk(tree) if isinstance(n, ast.Subscript)]
        assert not any("kind" in ast.unparse(node.slice) for node in subscripts)


@pytest.mark.parametrize(
    "line",
    [
        "import subprocess",
        "from importlib import import_module",
        "from importlib.util import find_spec",
        "import importlib.metadata",
        "from multiprocessing import Pool",
        "import ctypes",
        "import yaml",
        "getattr(steps, name)()",
        "type(name, (), {})",
        "x.__class__.__subclasses__()",
        "os.execv(x, y)",
        "eval(x)",
        "pd.read_pickle(x)",
        "look = getattr",
        "map(getattr, steps, names)",
        "from subprocess import run as r",
        "import asyncio; asyncio.subprocess.create_subprocess_exec(x)",
        "from asyncio import create_subprocess_shell",
        "import os; os.fork()",
        "from os import posix_spawnp as s",
        "import xml.etree.ElementTree as e",
        "globals()[name]()",
        "x.__init_subclass__.__globals__",
        "import concurrent.futures; concurrent.futures.ProcessPoolExecutor()",
        "import site; site.addsitedir(x)",
    ],
)
def test_the_scan_sees_it(line: str) -> None:
    assert list(reaches(ast.parse(line)))


@pytest.mark.parametrize(
    "line", ["from importlib.metadata import version", "getattr(x, 'size')", "type(x).__name__"]
)
def test_the_scan_lets_it_pass(line: str) -> None:
    assert not list(reaches(ast.parse(line)))
