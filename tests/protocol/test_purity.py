"""What the code may not do, read off the code itself.

`protocol` is a function of its arguments: no file, socket, clock, environment or randomness. No
package runs code that somebody sends, or unpacks objects that do.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dotted import attributes, dotted, under

ROOT = Path(__file__).parents[2]
PACKAGES = ("protocol", "site_node", "coordinator", "riskset")

PURE_IMPORTS = {
    "bisect",
    "collections",
    "cryptography",
    "dataclasses",
    "datetime",
    "difflib",
    "enum",
    "fractions",
    "functools",
    "hashlib",
    "hmac",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "numpy",
    "protocol",
    "pydantic",
    "pydantic_core",
    "re",
    "scipy",
    "string",
    "tomllib",
    "types",
    "typing",
    "unicodedata",
}
"""What `protocol` may import at all; whatever is not here has to be argued for."""

GENERATED = ("protocol/wire/federation_pb2.py", "protocol/wire/federation_pb2_grpc.py")
"""Made from federation.proto by the tools of protobuf and gRPC; CI makes them again."""

LAZY_IMPORTS = {("protocol/steps/local.py", "sklearn")}
"""A hospital's own fit, imported where it is run: it reads nothing and its seed is not used."""

ENCODING = {
    ("protocol/wire/codec.py", "google"),
    ("protocol/wire/encoding.py", "google"),
    ("protocol/wire/heads.py", "google"),
}
"""Protobuf, which turns values into bytes and bytes into values."""

SEEDED = {
    ("protocol/forecast.py", "random"),
    ("protocol/leaves.py", "default_rng"),
    ("protocol/leaves.py", "random"),
}
"""Made-up patients, drawn by a generator that the caller hands in, or of one written-out seed."""

IMPURE_CALLS = {"open", "input", "print", "breakpoint", "globals", "vars", "setattr", "delattr"}
IMPURE_ATTRIBUTES = {
    "default_rng",
    "environ",
    "fromfile",
    "generate",
    "generate_key",
    "genfromtxt",
    "getenv",
    "loadtxt",
    "memmap",
    "now",
    "random",
    "save",
    "savetxt",
    "today",
    "tofile",
    "token_bytes",
    "urandom",
    "utcnow",
}
RUNS_CODE = {"eval", "exec", "compile", "__import__", "__builtins__", "__loader__"}
UNPACKS = {
    "builtins",
    "cloudpickle",
    "code",
    "codeop",
    "ctypes",
    "dill",
    "imp",
    "joblib",
    "marshal",
    "pickle",
    "pkgutil",
    "runpy",
    "shelve",
    "yaml",
    "zipimport",
}
BY_NAME = {
    "importlib",
    "os.popen",
    "os.system",
    "pandas.eval",
    "pandas.read_pickle",
    "sys.meta_path",
    "sys.modules",
    "sys.path",
    "types.CodeType",
    "types.FunctionType",
}
"""What loads, makes or starts code by a name or from bytes."""
LOADERS = {
    "exec_module",
    "find_spec",
    "import_module",
    "load_module",
    "read_pickle",
    "spec_from_file_location",
    "to_pickle",
}
"""The same, looked up in anything."""

HARMLESS = ("importlib.metadata", "importlib.resources")
"""They say which version of a package is installed, and open its own files; neither loads it."""

ARGUED = {("site_node/house.py", "importlib.util.find_spec"), ("site_node/house.py", "find_spec")}
"""Looks where two fixed names would come from, and loads neither."""


def modules(*packages: str) -> list[str]:
    return [
        str(path.relative_to(ROOT))
        for package in packages
        for path in sorted((ROOT / package).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in GENERATED
    ]


def imports(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Import(names=names):
            yield from (alias.name.split(".")[0] for alias in names)
        case ast.ImportFrom(module=str(module), level=0):
            yield module.split(".")[0]


def impurities(module: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        for name in imports(node):
            if name not in PURE_IMPORTS and (module, name) not in LAZY_IMPORTS | ENCODING:
                yield f"import {name}"
        match node:
            case ast.ImportFrom(level=level) if level:
                yield "import ."
            case ast.Name(id=name) if name in IMPURE_CALLS | RUNS_CODE:
                yield name
    for name in attributes(tree):
        if name in IMPURE_ATTRIBUTES and (module, name) not in SEEDED:
            yield f".{name}"


def dangers(tree: ast.Module) -> Iterator[str]:
    """Find ways in which received bytes or names could become running code."""
    for name in dotted(tree):
        plain = name.removeprefix("builtins.")
        loads = under(name, *UNPACKS - {"builtins"}, *BY_NAME) and not under(name, *HARMLESS)
        starts = name.startswith(("os.exec", "os.spawn", "os.posix_spawn"))
        if loads or starts or name.endswith(".*") or plain in RUNS_CODE:
            yield plain
    # re.compile is none of them
    yield from (name for name in attributes(tree) if name in LOADERS | RUNS_CODE - {"compile"})
    for node in ast.walk(tree):
        yield from (f"import {name}" for name in imports(node) if name in UNPACKS)
        match node:
            case ast.keyword(arg="shell", value=value) if not _is(value, False):
                yield "shell="
            case ast.keyword(arg="allow_pickle", value=value) if not _is(value, False):
                yield "allow_pickle="


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", modules("protocol"))
def test_protocol_is_pure(module: str) -> None:
    assert list(impurities(module, parsed(module))) == []


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_nothing_received_becomes_code(module: str) -> None:
    assert {(module, name) for name in dangers(parsed(module))} <= ARGUED


def test_what_is_drawn_is_drawn_from_a_seed() -> None:
    for module in {module for module, name in SEEDED if name == "default_rng"}:
        calls = [n for n in ast.walk(parsed(module)) if isinstance(n, ast.Call)]
        made = [call for call in calls if ast.unparse(call.func).endswith("default_rng")]
        assert [ast.unparse(call.args[0]) for call in made] == ["SEED"]


def test_the_lazy_import_is_inside_a_function() -> None:
    """So a coordinator or an auditor never loads it."""
    for module, name in LAZY_IMPORTS:
        tree = parsed(module)
        assert name not in {n for node in tree.body for n in imports(node)}
        assert name in {n for node in ast.walk(tree) for n in imports(node)}


@pytest.mark.parametrize(
    "line",
    [
        "import os",
        "import time",
        "import random",
        "import secrets",
        "from socket import socket",
        "import sklearn",
        "open('x')",
        "np.random.rand()",
        "datetime.now()",
        "X25519PrivateKey.generate()",
        "np.fromfile(x)",
        "from numpy.random import default_rng",
        "from numpy import fromfile as f",
        "from . import os",
        "f = open",
        "getattr(np, 'fromfile')(x)",
        "vars(np)['random']",
    ],
)
def test_the_scan_sees_each_impurity(line: str) -> None:
    assert list(impurities("protocol/x.py", ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "import pickle",
        "from yaml import load",
        "eval(x)",
        "f = exec",
        "__import__(x)",
        "importlib.import_module(x)",
        "from importlib import import_module",
        "subprocess.run(x, shell=True)",
        "np.load(x, allow_pickle=True)",
        "import os; os.system(x)",
        "builtins.exec(x)",
        "from importlib.util import find_spec",
        "from importlib.util import spec_from_file_location as f",
        "import importlib as i; i.import_module(x)",
        "import importlib",
        "import importlib.metadata; importlib.reload(x)",
        "from importlib import machinery",
        "from importlib.machinery import SourceFileLoader",
        "import os as o; o.system(x)",
        "from os import popen",
        "import os; run = os; run.execv(x, y)",
        "import os; getattr(os, 'system')(x)",
        "import os; os.__dict__['system'](x)",
        "import os; vars(os)['posix_spawn'](x)",
        "(o := os).system(x); import os",
        "from os import *",
        "import sys; sys.modules[x]",
        "from sys import modules as m",
        "import types; types.FunctionType(x, {})",
        "__builtins__['eval'](x)",
        "getattr(x, 'eval')(y)",
        "import pandas as pd; pd.read_pickle(x)",
        "from pickle import loads as f",
        "import concurrent.futures, pickle as p",
        "loader.exec_module(x)",
        "import pkgutil",
    ],
)
def test_the_scan_sees_each_danger(line: str) -> None:
    assert list(dangers(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "from importlib.metadata import version",
        "from importlib import resources",
        "import os; os.replace(x, y)",
        "np.load(x, allow_pickle=False)",
        "getattr(x, 'size')",
    ],
)
def test_the_scan_lets_what_is_harmless_pass(line: str) -> None:
    assert not list(dangers(ast.parse(line)))
