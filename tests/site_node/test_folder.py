"""The state folder is one node's alone, and a file in it is written whole or not at all."""

import os
import subprocess
import sys
from pathlib import Path
from stat import S_IMODE

import pytest

from site_node.folder import (
    FolderError,
    LockedError,
    UnavailableError,
    delete,
    make_folder,
    state_folder,
    write_private,
)

ROOT = Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "state").path


def test_only_the_owner_may_enter_it(path: Path) -> None:
    assert S_IMODE(path.stat().st_mode) == 0o700
    with state_folder(path) as folder:
        assert S_IMODE(folder.runs.stat().st_mode) == 0o700
        write_private(folder.identity, b"k" * 32)
        assert S_IMODE(folder.identity.stat().st_mode) == 0o600
        assert folder.seed(folder.identity) == b"k" * 32


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o701])
def test_a_folder_that_others_may_read_is_refused(path: Path, mode: int) -> None:
    path.chmod(mode)
    with pytest.raises(FolderError, match=f"mode {mode:o}, not 700"), state_folder(path):
        pass


@pytest.mark.parametrize("name", ["identity.key", "secret.key", "federation.json", "ledger.db"])
def test_a_file_that_others_may_read_is_refused(path: Path, name: str) -> None:
    write_private(path / name, b"k" * 32)
    (path / name).chmod(0o640)
    with pytest.raises(FolderError, match=f"{name}: others may read"), state_folder(path):
        pass


def test_a_key_of_another_size_or_a_missing_one_is_refused(path: Path) -> None:
    with state_folder(path) as folder:
        with pytest.raises(FolderError, match="is not there"):
            folder.seed(folder.identity)
        write_private(folder.identity, b"short")
        with pytest.raises(FolderError, match="is no key of 32 bytes"):
            folder.seed(folder.identity)


def test_a_missing_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is not there"), state_folder(tmp_path / "none"):
        pass


def test_a_second_node_is_refused_by_the_firsts_number(path: Path) -> None:
    told = f"process id {os.getpid()} works here"
    with state_folder(path):
        with pytest.raises(LockedError, match=told), state_folder(path):
            pass
        other = (
            "import sys; from pathlib import Path; from site_node.folder import *\n"
            "try:\n    state_folder(Path(sys.argv[1])).__enter__()\n"
            "except LockedError as error:\n    print(error)\n"
        )
        command = [sys.executable, "-c", other, str(path)]
        said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert said.stdout == f"{path}: the node with {told}\n"
    with state_folder(path):  # it was given back
        pass


def test_the_lock_of_a_killed_node_is_free(path: Path) -> None:
    holder = (
        "import os, signal, sys; from pathlib import Path; from site_node.folder import *\n"
        "with state_folder(Path(sys.argv[1])):\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", holder, str(path)], cwd=ROOT, check=False)
    assert ended.returncode == -9
    with state_folder(path):
        pass


def test_a_write_that_fails_leaves_the_file_as_it_was(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = path / "some.keys"
    write_private(file, b"before")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UnavailableError, match="no space left"):
        write_private(file, b"after")
    with pytest.raises(UnavailableError, match="no space left"):
        delete(file)
    monkeypatch.undo()
    assert [p.name for p in path.iterdir()] == ["some.keys"]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(path: Path) -> None:
    file = path / "some.keys"
    write_private(file, b"secret")
    same = file.open("rb")
    delete(file)
    delete(file)
    with same:
        assert same.read() == bytes(6)  # written over before it was let go
    assert not file.exists()


def test_a_folder_that_cannot_be_written_is_unavailable(path: Path) -> None:
    (path / "file").write_bytes(b"")
    with pytest.raises(UnavailableError, match="not a directory"):
        write_private(path / "file" / "key", b"secret")
