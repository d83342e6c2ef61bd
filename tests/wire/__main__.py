"""Makes the Python of `federation.proto`: `python -m tests.wire [--check]`.

Needs grpcio-tools at the version of the lock, so that everybody generates the same.
"""

import sys
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).parents[2]
WIRE = ROOT / "protocol" / "wire"
PROTO = "protocol/wire/federation.proto"


def generate(out: Path) -> None:
    """Write the three modules below a folder."""
    from grpc_tools import protoc  # noqa: PLC0415 - a development dependency

    places = [f"--{kind}_out={out}" for kind in ("python", "pyi", "grpc_python")]
    include = [f"-I{ROOT}", f"-I{files('grpc_tools') / '_proto'}"]
    if protoc.main(["protoc", *include, *places, PROTO]):
        raise SystemExit(1)


def stale(fresh: Path) -> list[str]:
    """Name the committed modules that differ from fresh ones."""
    made = sorted((fresh / "protocol/wire").iterdir())
    kept = {path: WIRE / path.name for path in made}
    return [
        path.name
        for path, old in kept.items()
        if not old.exists() or old.read_bytes() != path.read_bytes()
    ]


def main() -> int:
    """Generate in place, or with --check compare with what is committed."""
    if sys.argv[1:] != ["--check"]:
        generate(ROOT)
        return 0
    with TemporaryDirectory() as folder:
        generate(Path(folder))
        differing = stale(Path(folder))
    for name in differing:
        sys.stderr.write(f"{name} does not follow from federation.proto: make wire\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
