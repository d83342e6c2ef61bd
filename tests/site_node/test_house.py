"""A package from elsewhere must not be taken for ours, however the command is started."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import site_node

HOUSE = Path(site_node.__file__).resolve().parent.parent


def start(*arguments: str, path: list[Path], folder: Path) -> subprocess.CompletedProcess[str]:
    """Start Python with some folders first on its path."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, path))}
    command = [sys.executable, *arguments]
    return subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, check=False
    )


def fake(folder: Path, name: str, kind: str) -> None:
    """Make a foreign package; importing it leaves a trace."""
    trace = f"open({str(folder / 'imported')!r}, 'w').close()\n"
    if kind == "file":
        (folder / f"{name}.py").write_text(trace, encoding="utf-8")
    else:
        (folder / name).mkdir()
    if kind == "package":
        (folder / name / "__init__.py").write_text(trace, encoding="utf-8")
    if kind == "namespace":
        (folder / name / "plan.py").write_text(trace, encoding="utf-8")


@pytest.mark.parametrize("name", ["protocol", "coordinator"])
@pytest.mark.parametrize("kind", ["package", "file"])
def test_a_foreign_package_is_refused_unimported(tmp_path: Path, name: str, kind: str) -> None:
    fake(tmp_path, name, kind)
    ended = start("-m", "site_node", "--help", path=[tmp_path, HOUSE], folder=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr == (
        f"error  the package {name!r} in {tmp_path.resolve()} would be imported in place of "
        "riskset's own: uninstall it, or start the command in another folder and without "
        "PYTHONPATH  [foreign-package]\n"
    )
    assert not (tmp_path / "imported").exists()


def test_our_own_packages_are_let_in(tmp_path: Path) -> None:
    ended = start("-m", "site_node", "--help", path=[HOUSE], folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "check" in ended.stdout


def test_a_folder_of_that_name_without_code_is_no_package(tmp_path: Path) -> None:
    """Python takes a plain folder only where no package of the name is found."""
    fake(tmp_path, "protocol", "namespace")
    ended = start("-m", "site_node", "--help", path=[tmp_path, HOUSE], folder=tmp_path)
    assert ended.returncode == 0


def test_the_guard_imports_nothing_of_ours(tmp_path: Path) -> None:
    program = (
        "import sys, site_node.cli, site_node.house;"
        "site_node.house.refuse_foreign_packages();"
        "sys.exit(any(name.startswith(('protocol', 'coordinator')) for name in sys.modules))"
    )
    assert start("-c", program, path=[HOUSE], folder=tmp_path).returncode == 0
