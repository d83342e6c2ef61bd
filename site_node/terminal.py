"""How the hospital's command writes: plain tables for people, errors with their fix."""

import json
from collections.abc import Sequence

from protocol.errors import Exit, FederationError, ProblemsError


class FileError(FederationError):
    """A file cannot be read or written."""

    code = "file"
    exit = Exit.USAGE
    fix = "check the path, its permissions and the space that is left on the disk"


class InternalError(FederationError):
    """Something that nobody thought of."""

    code = "internal"
    fix = (
        "run it again with RISKSET_DEBUG=1 and report the traceback, after a look that it is clean"
    )


def explained(error: Exception) -> FederationError:
    """Say an unexpected error without its text, which may hold a value from a record."""
    if isinstance(error, OSError) and error.strerror:
        # A write into a full disk names no file.
        where = "a file" if error.filename is None else error.filename
        return FileError(f"{where}: {error.strerror.lower()}")
    return InternalError(f"something unexpected happened ({type(error).__name__})")


def error_text(error: FederationError) -> str:
    """Write an error as lines for stderr: what is wrong, its code, and what to do."""
    if isinstance(error, ProblemsError):
        first, *_ = str(error).splitlines()
        lines = [f"error  {first}  [{error.code}]"]
        for problem in error.problems:
            lines += [f"       {problem}", f"       fix    {problem.fix}"]
    else:
        lines = [f"error  {error}  [{error.code}]"]
    return "\n".join([*lines, f"fix    {error.fix}"] if error.fix else lines)


def error_json(error: FederationError) -> str:
    """Write an error as one line of JSON, for scripts."""
    problems = error.problems if isinstance(error, ProblemsError) else ()
    said = {"code": error.code, "message": str(error), "fix": error.fix}
    listed = [{"where": p.where, "rule": p.rule, "fix": p.fix} for p in problems]
    return json.dumps({"error": {**said, "problems": listed}})


def table(header: Sequence[str], rows: Sequence[Sequence[str | int]]) -> str:
    """Write rows under a header: numbers to the right, words to the left."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[i], int) for row in rows) for i in range(len(header))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [header, *texts]
    )


def _text(cell: str | int) -> str:
    return f"{cell:,}" if isinstance(cell, int) else cell
