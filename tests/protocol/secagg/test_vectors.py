"""The vectors: files as committed, answers as published, a second implementation that agrees."""

import ast
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.vectors.__main__ import FOLDER, documents
from tests.vectors.second.answers import answer
from tests.vectors.second.streams import stream
from tests.vectors.second.tagged import Refused

FILES = sorted(FOLDER.glob("*.json"))
CASES: list[Any] = [
    pytest.param(case, id=f"{path.stem}: {case['name']}")
    for path in FILES
    for case in json.loads(path.read_text(encoding="utf-8"))["cases"]
]


def expected(file: str, name: str) -> Any:
    cases = json.loads((FOLDER / file).read_text(encoding="utf-8"))["cases"]
    return next(case["expect"] for case in cases if case["name"] == name)


def test_files_are_what_this_version_writes() -> None:
    """A difference is a change on the wire: a line in CHANGES.md, marked (*)."""
    written = documents()
    assert {path.name for path in FILES} == written.keys()
    for name, text in written.items():
        assert (FOLDER / name).read_text(encoding="utf-8") == text, name


@pytest.mark.parametrize("case", CASES)
def test_second_implementation_agrees(case: dict[str, Any]) -> None:
    try:
        got = answer(case["kind"], case["given"])
    except Refused as refusal:
        got = {"refused": str(refusal)}
    assert got == case["expect"]


def test_as_many_refusals_as_passes() -> None:
    refused = [p for p in CASES if "refused" in json.dumps(p.values[0]["expect"])]
    whole_sums = [p for p in refused if p.values[0]["kind"] in {"sum", "raw-sum", "agree"}]
    assert len(whole_sums) >= 20
    assert len(refused) >= len(CASES) - len(refused)


def test_second_implementation_imports_the_standard_library_only() -> None:
    files = sorted((FOLDER / "second").glob("*.py"))
    assert files
    imported = {name for path in files for name in _imports(path)}
    own = {"tests.vectors.second", *(f"tests.vectors.second.{path.stem}" for path in files)}
    assert {name.split(".")[0] for name in imported - own} <= sys.stdlib_module_names


def _imports(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    return names | {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}


def test_three_sites_by_hand_over() -> None:
    """The numbers this protocol was first specified with, typed in from its paper."""
    setup = expected("masks.json", "three sites")
    assert setup["ctx"] == "b082a5c148fb082bb474e7193672abeaf2c131017e5f2ce9f8b19b91d5abaa51"
    ek = "3c1683a5e961dd10c1652fef27a90d2ac3f50c98260ae2d6c82ef9085983ea4e"
    assert setup["ek"]["site-a"] == ek
    assert setup["signature"]["site-a"] == (
        "eeed5efb028b1ce95b4e88e44b89152664420202fa2ddf3c792da44850f878fc"
        "fa70228dd2dbabe93440c1438abce8101fc3c18c1fd2ad3537c2aa7878e43b0b"
    )
    t = "d3eedc974545b966d52468d865f7adfdb0c9ff6dbe0896ac9db8287b4e8b8e23"
    assert setup["transcript"] == t


def test_masked_vectors_by_hand_over() -> None:
    """Counts in 64 bits and reals in 128, with the same origin."""
    counts = expected("masks.json", "three sites, 64 bits")
    assert counts["uploads"] == {
        "site-a": (
            "831b241de47d3889bccf91c3699c353af29120a5246d7d79ed3d5dc8419130330afa345419bf1747"
        ),
        "site-b": (
            "6a1e9f2e9069033a347eddc0a699e2a369f3f2467fdf80dbb7e7f2cd8729c330d5325a84f2025a28"
        ),
        "site-c": (
            "18c63cb48b18c43c10b2907befc9e721ac7aec135cb301ab60daaf6936450c9c28d37027f43e9290"
        ),
    }
    assert counts["sum"] == ["5", "0", "7", "4", "1126999418470407"]
    reals = expected("masks.json", "three sites, 128 bits")
    assert reals["uploads"]["site-a"] == (
        "384c09fa16f863bc0074ec0b2c64c93f8ffb446a9ad2f19713a42da72415a0ee"
        "6502dbec86ee88500cbfa290ecb04ea0e7c83adfd0e704a22b730e96f15add70"
    )
    assert reals["uploads"]["site-b"] == (
        "411a8f21bf131b2475132ea9e38f7d812058ed799f3ece1736ace8a12a301ecb"
        "bf77e9331fb971353997b247291506e88582221e418bf897dced45acc4a736b9"
    )
    assert reals["uploads"]["site-c"] == (
        "879967e429f4809f8b78e54af00bb93e51e0004ff9217343b6afe9b6b0ba4146"
        "dc853bdf5958057abaa9aa27ea39ab7794b4a202ee8c02c6f79eabbd49fdebd5"
    )
    signed = 27670116110564327424, -922337203685477376 % 2**128, 0, 0
    assert reals["sum"] == [str(word) for word in signed]


# RFC 7748, 5.2; RFC 8032, 7.1; RFC 5869, A.1 and A.2, of which 32 bytes are one block of output.
PUBLISHED = {
    "RFC 7748, 5.2, first": "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
    "RFC 5869, A.1, first 32 bytes": (
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
    ),
    "RFC 5869, A.2, first 32 bytes": (
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
    ),
    # McGrew and Viega (2005), GCM test cases 13 and 14, encrypt the counters 0, 1 and 2
    # under the zero key: as hash key, as mask of the tag, as mask of the text.
    "AES-256-CTR from zero under the zero key": (
        "dc95c078a2408989ad48a21492842087530f8afbc74536b9a963b4f1c4cb738b"
        "cea7403d4d606b6e074ec5d3baf39d18"
    ),
    "RFC 8032, 7.1, test 1": {
        "public": "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "signature": (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555"
            "fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    },
    "RFC 8032, 7.1, test 2": {
        "public": "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "signature": (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    },
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_answers(name: str) -> None:
    assert expected("known.json", name) == PUBLISHED[name]


def test_sp_800_38a_counter_mode() -> None:
    """NIST SP 800-38A, F.5.5: the second implementation's cipher, from NIST's own counter."""
    key = "603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
    counter = int("f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff", 16)
    plain = "6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e51"
    cipher = "601ec313775789a5b7a7f504bbf3d228f443e3ca4d62b59aca84e990cacaf5c5"
    key_stream = stream(bytes.fromhex(key), 32, counter=counter)
    assert (
        bytes(a ^ b for a, b in zip(key_stream, bytes.fromhex(plain), strict=True)).hex() == cipher
    )
