"""What the code may not do, read off the code itself.

`protocol` is a function of its arguments: no file, socket, clock, environment or randomness. No
package runs code that somebody sends, or unpacks objects that do.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

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

ENCODING = {("protocol/wire/codec.py", "google")}
"""Protobuf, which turns values into bytes and bytes into values."""

SEEDED = {("protocol/forecast.py", "random")}
"""Made-up patients, drawn by a generator that the caller seeds and hands in."""

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
RUNS_CODE = {"eval", "exec", "compile", "__import__"}
UNPACKS = {
    "cloudpickle",
    "code",
    "codeop",
    "ctypes",
    "dill",
    "imp",
    "joblib",
    "marshal",
    "pickle",
    "runpy",
    "shelve",
    "yaml",
}


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
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"{name}()"
            case ast.Attribute(attr=name) if name in IMPURE_ATTRIBUTES:
                if (module, name) not in SEEDED:
                    yield f".{name}"


def dangers(tree: ast.Module) -> Iterator[str]:
    """Find ways in which received bytes or names could become running code."""
    for node in ast.walk(tree):
        yield from (f"import {name}" for name in imports(node) if name in UNPACKS)
        match node:
            case ast.Name(id=name) if name in RUNS_CODE:
                yield name
            case ast.Attribute(value=ast.Name(id="builtins")):
                yield "builtins"
            case ast.Attribute(attr="import_module" | "find_spec" | "spec_from_file_location" as n):
                yield f".{n}"
            case ast.alias(name="import_module" | "importlib.util" | "importlib.machinery" as n):
                yield f"import {n}"
            case ast.keyword(arg="shell", value=value) if not _is(value, False):
                yield "shell="
            case ast.keyword(arg="allow_pickle", value=value) if not _is(value, False):
                yield "allow_pickle="
            case ast.Attribute(value=ast.Name(id="os"), attr="system" | "popen" as n):
                yield f"os.{n}"


def _is(node: ast.expr, value: object) -> bool:
    return isinstance(node, ast.Constant) and node.value is value


def parsed(module: str) -> ast.Module:
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", modules("protocol"))
def test_protocol_is_pure(module: str) -> None:
    assert list(impurities(module, parsed(module))) == []


@pytest.mark.parametrize("module", modules(*PACKAGES))
def test_nothing_received_becomes_code(module: str) -> None:
    assert list(dangers(parsed(module))) == []


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
        "os.system(x)",
        "builtins.exec(x)",
    ],
)
def test_the_scan_sees_each_danger(line: str) -> None:
    assert list(dangers(ast.parse(line)))
