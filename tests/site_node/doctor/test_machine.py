"""This computer, with its disk and memory made up and its files real."""

from pathlib import Path

import pytest

from protocol.errors import Exit
from site_node.doctor import machine
from site_node.doctor.check import Status, ok
from site_node.doctor.machine import BASE_BYTES, LEAST_DISK_BYTES, ROW_BYTES, RUN_BYTES
from site_node.folder import state_folder

GB = 10**9


def test_software_fits_itself() -> None:
    check = machine.software()
    assert check.status is Status.OK
    assert check.told.startswith("riskset 0")


def test_software_that_is_not_there() -> None:
    assert machine.software("riskset-of-nobody").code == "software-missing"


def test_software_of_other_versions(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = ["numpy>=1", "scipy>=999", "not-a-package", "pytest>=999; extra == 'dev'"]
    monkeypatch.setattr(machine, "requires", lambda _: wanted)
    check = machine.software()
    assert check.code == "software-versions"
    assert "is not >=999; not-a-package is missing" in check.told
    assert "pytest" not in check.told


def test_keys_that_only_their_owner_reads(state: Path) -> None:
    assert machine.key_files(state, state.stat().st_uid).status is Status.OK


@pytest.mark.parametrize(
    ("name", "mode", "fix"),
    [
        ("identity.key", 0o640, "chmod 600"),
        ("secret.key", 0o604, "chmod 600"),
        (".", 0o750, "chmod 700"),
    ],
)
def test_keys_that_others_read(state: Path, name: str, mode: int, fix: str) -> None:
    (state / name).chmod(mode)
    check = machine.key_files(state, state.stat().st_uid)
    assert (check.status, check.code) == (Status.FAIL, "key-mode")
    assert check.fix == f"{fix} {state / name}"


def test_every_open_key_is_in_the_fix(state: Path) -> None:
    (state / "runs").mkdir(mode=0o755)
    (state / "runs" / "00.keys").touch(mode=0o644)
    check = machine.key_files(state, state.stat().st_uid)
    assert check.fix == f"chmod 700 {state / 'runs'}; chmod 600 {state / 'runs' / '00.keys'}"


def test_keys_of_another_account(state: Path) -> None:
    assert machine.key_files(state, state.stat().st_uid + 1).code == "key-owner"


def test_a_key_that_a_running_node_has_just_deleted(state: Path) -> None:
    (state / "runs").mkdir(mode=0o700)
    (state / "runs" / "00.keys").symlink_to(state / "gone")  # listed, and not there
    assert machine.key_files(state, state.stat().st_uid).status is Status.OK


def test_a_state_folder_that_may_not_be_entered(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(_: Path) -> object:
        raise PermissionError

    monkeypatch.setattr(Path, "stat", closed)
    assert machine.key_files(state, 0).code == "state-unreadable"


def test_no_state(tmp_path: Path) -> None:
    check = machine.key_files(tmp_path / "none", 0)
    assert (check.code, check.exit) == ("state-missing", Exit.USAGE)


def test_a_node_that_runs_holds_its_lock(state: Path) -> None:
    assert machine.node(state).told == "never started yet"
    with state_folder(state):
        assert machine.node(state) == ok("Node", "running")
    assert machine.node(state).told == "not running"
    with state_folder(state):  # looking has not left a lock behind
        pass


@pytest.mark.parametrize(
    ("free", "status"),
    [
        (LEAST_DISK_BYTES - 1, Status.FAIL),
        (LEAST_DISK_BYTES, Status.WARN),
        (20 * RUN_BYTES - 1, Status.WARN),
        (20 * RUN_BYTES, Status.OK),
    ],
)
def test_disk(state: Path, free: int, status: Status) -> None:
    assert machine.disk(state, lambda _: free, 20).status is status


def test_the_disk_of_a_folder_that_is_not_there_yet(tmp_path: Path) -> None:
    asked: list[Path] = []

    def free(path: Path) -> int:
        asked.append(path)
        return GB

    machine.disk(tmp_path / "not" / "yet", free, 1)
    assert asked == [tmp_path]


def lines(path: Path, rows: int) -> Path:
    path.write_text("patient_id,age\n" + "X1234567,61.0\n" * rows, encoding="ascii")
    return path


@pytest.mark.parametrize("rows", [0, 1, 1_000, 200_000])
def test_rows_are_estimated_from_the_first_megabyte(tmp_path: Path, rows: int) -> None:
    assert machine.estimated_rows(lines(tmp_path / "x.csv", rows)) == pytest.approx(rows, rel=0.01)


@pytest.mark.parametrize(("share", "status"), [(1.01, "ok"), (0.99, "warn"), (0.49, "fail")])
def test_memory(tmp_path: Path, share: float, status: str) -> None:
    extract = lines(tmp_path / "x.csv", 1_000)
    need = BASE_BYTES + 2 * 1_000 * ROW_BYTES
    check = machine.memory([extract, extract], int(share * need))
    assert check.status == status
    assert "about 2,000 rows" in check.told


def test_ten_million_rows_need_what_was_measured() -> None:
    assert machine.size(BASE_BYTES + 10**7 * ROW_BYTES) == "2.2 GB"


def test_memory_of_an_extract_that_is_not_there(tmp_path: Path) -> None:
    assert machine.memory([tmp_path / "none.csv"], GB).status is Status.NOT_TRIED


def test_memory_of_a_system_that_does_not_say(tmp_path: Path) -> None:
    check = machine.memory([lines(tmp_path / "x.csv", 10)], None)
    assert check.status is Status.NOT_TRIED


@pytest.mark.parametrize(
    ("most", "available"), [(None, 8 * 1024**3), ("max", 8 * 1024**3), ("3000", 2000)]
)
def test_available_memory_is_the_containers_if_that_is_less(
    tmp_path: Path, most: str | None, available: int
) -> None:
    meminfo = tmp_path / "meminfo"
    meminfo.write_text(f"MemTotal: 1 kB\nMemAvailable: {8 * 1024**2} kB\n", encoding="ascii")
    if most:
        (tmp_path / "memory.max").write_text(f"{most}\n", encoding="ascii")
        (tmp_path / "memory.current").write_text("1000\n", encoding="ascii")
    assert machine.available_bytes(meminfo, tmp_path) == available


def test_available_memory_of_another_system(tmp_path: Path) -> None:
    assert machine.available_bytes(tmp_path / "none", tmp_path) is None
