"""A file from a stranger: whatever a bundle has not is refused before a member is read."""

import os
import struct
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

from coordinator.bundle import names
from coordinator.bundle.plain import BundleError
from coordinator.bundle.reader import open_bundle
from coordinator.bundle.write import write_bundle
from coordinator.bundle.zipped import put, writing
from protocol.run import Played
from tests.coordinator.bundle.made import Members, info, listed, zipped


def refused(path: Path) -> str:
    with pytest.raises(BundleError) as caught, open_bundle(path):
        pass
    return str(caught.value)


def with_member(path: Path, members: Members, write: Callable[[ZipFile], None]) -> Path:
    """Write a bundle with one more member, which `write` writes."""
    with ZipFile(path, "w", ZIP_STORED) as file:
        write(file)
        for name, body in sorted(members.items()):
            file.writestr(info(name), body)
        file.filelist.sort(key=lambda member: member.filename)
    return path


def test_equal_runs_make_equal_bytes(path: Path, played: Played, tmp_path: Path) -> None:
    write_bundle(tmp_path / "again.zip", played, path.parent)
    assert (tmp_path / "again.zip").read_bytes() == path.read_bytes()
    with ZipFile(path) as file:
        assert file.namelist() == sorted(file.namelist())


def test_what_is_never_written(played: Played, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="without its proof"):
        write_bundle(tmp_path / "x.zip", replace(played, proof=None), tmp_path)
    with writing(tmp_path / "x.zip") as file, pytest.raises(ValueError, match="no member"):
        put(file, "../x", b"")


@pytest.mark.parametrize(
    "name",
    ["../x", "/etc/x", "C:x", "x.exe", "vectors/../x", "totals/1.bin", "approvals/", "a\nb"],
)
def test_strange_names(tmp_path: Path, members: Members, name: str) -> None:
    bad = with_member(tmp_path / "x.zip", members, lambda f: f.writestr(info(name), b"x"))
    assert "no bundle has a member of this name" in refused(bad)


def test_packed_members_are_no_bomb(tmp_path: Path, members: Members) -> None:
    def bomb(file: ZipFile) -> None:
        file.writestr(info("totals/000099.bin"), bytes(10**7), ZIP_DEFLATED)

    bad = with_member(tmp_path / "x.zip", members, bomb)
    assert bad.stat().st_size < 10**6
    assert refused(bad) == (
        "totals/000099.bin: is packed or locked, which no member of a bundle is"
    )


def test_links_and_folders(tmp_path: Path, members: Members) -> None:
    for mode in (0o120777, 0o040755, 0o100755):
        member = info("totals/000099.bin", mode=mode)
        bad = with_member(
            tmp_path / "x.zip",
            members,
            partial(ZipFile.writestr, zinfo_or_arcname=member, data="x"),
        )
        assert refused(bad) == "totals/000099.bin: is no plain file"


def test_one_name_twice(tmp_path: Path, members: Members) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # zipfile's own, while we forge
        bad = with_member(
            tmp_path / "x.zip", members, lambda f: f.writestr(info(names.PLAN), b"{}")
        )
    assert refused(bad) == "plan.json: is there twice"


def test_too_large_for_its_kind(tmp_path: Path, members: Members) -> None:
    large = {**members, names.README: bytes(2**20 + 1)}
    assert refused(zipped(tmp_path / "x.zip", listed(large))).startswith("README.md: is larger")


def test_members_missing_unlisted_or_of_another_size(tmp_path: Path, members: Members) -> None:
    bad = tmp_path / "x.zip"
    for name in (names.SEAL, names.PLAN, names.SOFTWARE, "results/curves.csv"):
        without = {n: b for n, b in members.items() if n != name}
        assert refused(zipped(bad, without)) == f"{name}: is missing"
    gone = {n: b for n, b in members.items() if n != names.total(2)}
    assert refused(zipped(bad, gone)) == "totals/000002.bin: is missing"
    more = {**members, names.total(99): b"x"}
    assert refused(zipped(bad, more)) == "totals/000099.bin: is not in the manifest"
    longer = {**members, names.total(2): members[names.total(2)] + b"x"}
    assert "another size" in refused(zipped(bad, longer))


def test_no_zip_a_cut_one_and_one_with_more_behind(tmp_path: Path, path: Path) -> None:
    raw, bad = path.read_bytes(), tmp_path / "x.zip"
    end = len(raw) - 22
    huge = raw[: end + 12] + struct.pack("<I", 2**31) + raw[end + 16 :]
    for body in (b"", b"PK", raw[: len(raw) // 2], raw[:-1], raw + b"more", huge):
        bad.write_bytes(body)
        assert refused(bad).endswith("is no bundle, or not a whole one")


def test_a_file_that_cannot_be_opened_was_changed_by_nobody(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="not there"):
        refused(tmp_path / "not there")
    os.mkfifo(tmp_path / "pipe")
    assert refused(tmp_path / "pipe").endswith("is a pipe, and a bundle has to be a file")


def test_members_out_of_order(tmp_path: Path, members: Members) -> None:
    with ZipFile(tmp_path / "x.zip", "w") as file:
        for name, body in sorted(members.items(), reverse=True):
            file.writestr(info(name), body)
    assert refused(tmp_path / "x.zip").endswith("its members are not in order")


def test_another_schema(tmp_path: Path, members: Members) -> None:
    body = members[names.MANIFEST].replace(b"riskset-bundle/1", b"riskset-bundle/9")
    told = refused(zipped(tmp_path / "x.zip", {**members, names.MANIFEST: body}))
    assert told.endswith("is no bundle of schema riskset-bundle/1")
