"""The seven frozen extracts as files: where the package keeps them, and a copy of them."""

from importlib import resources
from pathlib import Path

from protocol.errors import Exit, FederationError
from riskset.synthetic.crlm import HOSPITALS


class OverwriteError(FederationError):
    """Files stand where the synthetic extracts would go, and they are not the extracts."""

    code = "would-overwrite"
    exit = Exit.USAGE
    fix = "name an empty folder, or move these files away"

    def __init__(self, folder: Path, names: list[str]) -> None:
        self.folder, self.names = folder, tuple(names)
        super().__init__(
            f"{folder}: already holds {', '.join(names)} with other content; nothing is overwritten"
        )


class PackagedDataError(FederationError):
    """The extracts that belong to the package are not where it was installed."""

    code = "packaged-data"
    fix = "install riskset with pip or uv, which unpack it into a folder"

    def __init__(self, names: list[str]) -> None:
        super().__init__(f"the installed package lacks {', '.join(names)} of the synthetic cohort")


def frozen() -> dict[str, Path]:
    """Find the extracts that come with the package, file name to path; read them, don't write.

    Raises
    ------
    PackagedDataError
        If an extract is missing, or the package runs from inside an archive.
    """
    folder = Path(str(resources.files("riskset"))) / "data" / "crlm"
    paths = {name: folder / name for name in (f"{hospital}.csv" for hospital in HOSPITALS)}
    if missing := [name for name, path in paths.items() if not path.is_file()]:
        raise PackagedDataError(missing)
    return paths


def unpack(folder: Path) -> dict[str, Path]:
    """Copy the seven extracts into a folder, made if need be; give file name to path.

    An extract that is already there with the same bytes stays, so a second call changes nothing.

    Raises
    ------
    OverwriteError
        If a file of one of these names has other content, or the folder's name is a file's.
        Then nothing is written at all.
    """
    if folder.is_file():
        raise OverwriteError(folder.parent, [folder.name])
    sources = frozen()
    targets = {name: folder / name for name in sources}
    taken = {name for name, path in targets.items() if path.exists()}
    if odd := [name for name in sorted(taken) if not _same(sources[name], targets[name])]:
        raise OverwriteError(folder, odd)
    folder.mkdir(parents=True, exist_ok=True)
    for name in sources.keys() - taken:
        with targets[name].open("xb") as file:  # x: never truncate what appeared meanwhile
            file.write(sources[name].read_bytes())
    return targets


def _same(source: Path, target: Path) -> bool:
    return target.is_file() and target.read_bytes() == source.read_bytes()
