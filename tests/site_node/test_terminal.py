from protocol.errors import FederationError, Problem, ProblemsError
from site_node.terminal import error_text, table


def test_an_error_says_what_is_wrong_and_what_to_do() -> None:
    error = FederationError("age: a cell is too small", "use a coarser grid")
    assert error_text(error) == (
        "error  age: a cell is too small  [federation]\nfix    use a coarser grid"
    )
    assert error_text(FederationError("late")) == "error  late  [federation]"


def test_every_problem_has_its_own_fix() -> None:
    problems = [Problem("line 1", "is blank", "fill it"), Problem("age", "is missing", "add it")]
    assert error_text(ProblemsError("x.csv", problems)).splitlines() == [
        "error  x.csv: 2 problems  [invalid-input]",
        "       line 1: is blank",
        "       fix    fill it",
        "       age: is missing",
        "       fix    add it",
    ]


def test_numbers_stand_to_the_right() -> None:
    rows = [("a", 5), ("longer", 12345)]
    assert table(("who", "rows"), rows).splitlines() == [
        "who       rows",
        "a            5",
        "longer  12,345",
    ]
