"""Every signature names its kind, and no two kinds share a name (SPEC 2.2).

Kinds are read off the code: a tag is the first of the parts that are signed. So a new kind of
message that takes an old one's tag is found here.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.canonical import SUITE, lp

ROOT = Path(__file__).parents[3]
PACKAGES = ("protocol", "site_node", "coordinator", "riskset")

SIGNED: dict[str, frozenset[str]] = {
    tag: frozenset(modules.split())
    for tag, modules in {
        # What a hospital's identity signs.
        "setup": "protocol/secagg/messages.py site_node/evidence.py",
        "release": "protocol/secagg/messages.py site_node/evidence.py",
        "statement": "protocol/secagg/messages.py",
        "done": "protocol/requests.py",
        "refusal": "protocol/requests.py",
        "decided": "protocol/requests.py",
        "withdraw-consent": "protocol/governance/signed.py",
        "ledger-head": "protocol/governance/heads.py",
        "login-site": "protocol/governance/login.py",
        "join-site": "protocol/governance/joining.py",
        "seal-accept": "protocol/secagg/sealing.py",
        # What the coordinator's signs.
        "run": "protocol/requests.py",
        "abort": "protocol/requests.py",
        "trip": "protocol/secagg/messages.py",
        "result": "protocol/secagg/messages.py",
        "login-office": "protocol/governance/login.py",
        "join-centre": "protocol/governance/joining.py",
        "seal-offer": "protocol/secagg/sealing.py",
        # A bundle's seal is checked where others read it.
        "bundle": "protocol/run.py coordinator/checks.py",
        # What roster authority, plan signer and operators sign.
        "roster": "protocol/governance/chain.py",
        "plan": "protocol/governance/proposal.py",
        "decision": "protocol/governance/approval.py",
    }.items()
}
"""Each tag, and the modules that name it. `evidence` holds up signatures of the hospital itself."""

NAMES = {"signed", "_signed", "_office", "_own", "_accepted"}
"""Functions that give the parts under a signature, beside those whose result is typed `Parts`."""

SIGNERS = {"sign": 1, "sign_parts": 1, "signed_by": 2, "require_signed": 3}
"""Where the tag stands among the arguments, if it is written out."""


def tags(tree: ast.AST) -> Iterator[str]:
    """Find the tags that a module signs or checks."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name), args=args) if name in SIGNERS:
                yield from _text(args[SIGNERS[name] :])
            case ast.Call(func=ast.Name(id="partial"), args=[ast.Name(id="sign"), _, *args]):
                yield from _text(args)
            case ast.FunctionDef(name=name) if name in NAMES or _parts(node):
                for part in ast.walk(node):
                    if isinstance(part, ast.Return) and isinstance(part.value, ast.Tuple):
                        yield from _text(part.value.elts)
            case ast.AnnAssign(target=ast.Name(id="tag"), value=ast.Constant(value=str(tag))):
                yield tag
            case ast.Assign(targets=[ast.Name(id="parts")], value=ast.Tuple(elts=elements)):
                yield from _text(elements)


def _parts(function: ast.FunctionDef) -> bool:
    told = ast.unparse(function.returns) if function.returns else ""
    return told in ("Parts", "tuple[bytes | str, ...]")


def _text(nodes: list[ast.expr]) -> Iterator[str]:
    if nodes and isinstance(nodes[0], ast.Constant) and isinstance(nodes[0].value, str):
        yield nodes[0].value


def found() -> dict[str, frozenset[str]]:
    where = dict[str, set[str]]()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for tag in tags(ast.parse(path.read_text(encoding="utf-8"))):
                where.setdefault(tag, set()).add(str(path.relative_to(ROOT)))
    return {tag: frozenset(modules) for tag, modules in where.items()}


def test_no_two_kinds_of_message_share_a_tag() -> None:
    assert found() == SIGNED


@pytest.mark.parametrize("tag", sorted(SIGNED))
def test_a_tag_is_in_the_specification(tag: str) -> None:
    """Whoever writes another implementation has to know all that a key signs."""
    spec = (ROOT / "protocol/SPEC.md").read_text(encoding="utf-8")
    assert f'("{tag}"' in spec


def test_parts_cannot_run_into_each_other() -> None:
    """No tag is another one with a part of it: lengths stand before the parts (SPEC 1.2)."""
    for tag in SIGNED:
        for other in SIGNED:
            ours, theirs = lp(SUITE, tag), lp(SUITE, other)
            assert tag == other or not theirs.startswith(ours)
    assert lp(SUITE, "run", b"ab", b"c") != lp(SUITE, "run", b"a", b"bc")
    assert lp(SUITE, "run", b"") != lp(SUITE, "run")


def test_only_the_identity_module_signs_and_codes_are_compared_in_constant_time() -> None:
    """A key is used in one place, so what it signs has the one form. Codes leak no prefix."""
    private, digests = set[str](), set[str]()
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            text, name = path.read_text(encoding="utf-8"), str(path.relative_to(ROOT))
            if "Ed25519PrivateKey" in text:
                private.add(name)
            if "hmac.digest(" in text and "compare_digest(" not in text:
                digests.add(name)
    assert private == {"protocol/governance/identity.py"}
    # Here an HMAC makes numbers and secrets; none is compared with what somebody sent.
    assert digests == {
        "protocol/cohort.py",
        "protocol/steps/coin.py",
        "protocol/steps/completion.py",
        "site_node/patterns.py",
    }
