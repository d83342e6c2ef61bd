"""Reads an extract by the plan's dictionary and counts what breaks it, never showing a value.

What a violation does is the plan's choice: it refuses the extract, excludes the patient, or
leaves the patient out where the value is needed. Eligibility is left to `protocol.cohort`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protocol.cohort import Extract, Flags
from protocol.errors import Problem, ProblemsError
from protocol.plan.model import Plan
from protocol.plan.variables import Number, Time
from site_node.data.header import ID, choose_columns, end_of, start_of
from site_node.data.mapping_model import SiteMapping
from site_node.data.problems import MAX_ID_BYTES, problem
from site_node.data.source import BLOCK_BYTES, Block, Column, read_blocks
from site_node.data.tally import PATIENT_ID, Tally, Violation, tally_block
from site_node.data.units import Strays, Suspicion
from site_node.data.values import AnyVariable, Rule, Typed, dtype, type_column, type_days

FIRST_ROW = 2
"""The number of the first patient's row: the header is row 1, as in a spreadsheet."""


@dataclass(frozen=True)
class Reading:
    """An extract as it was read, and all that breaks the plan's dictionary.

    `extract` is fit for use only where there are no `problems`. `suspicions` are of numbers that
    another unit would bring into range.
    """

    subject: str
    extract: Extract
    counts: tuple[Violation, ...]
    problems: tuple[Problem, ...]
    suspicions: tuple[Suspicion, ...] = ()


def read_extract(
    path: Path, plan: Plan, mapping: SiteMapping | None = None, block_bytes: int = BLOCK_BYTES
) -> Reading:
    """Read a hospital's extract for use in a study.

    Raises
    ------
    ProblemsError
        If the file is no CSV, lacks columns, repeats a patient's id, or holds a value for which
        the plan refuses the extract; every variable and rule at once, with counts.
    """
    reading = inspect_extract(path, plan, mapping, block_bytes)
    if reading.problems:
        raise ProblemsError(reading.subject, reading.problems)
    return reading


def inspect_extract(
    path: Path, plan: Plan, mapping: SiteMapping | None = None, block_bytes: int = BLOCK_BYTES
) -> Reading:
    """Read an extract and count what breaks the dictionary, without refusing it for that.

    Raises
    ------
    ProblemsError
        If the file is no CSV or lacks columns.
    """
    subject, names = str(path), mapping or SiteMapping()
    blocks = read_blocks(
        path,
        lambda header: choose_columns(subject, header, plan, names),
        (ID,),
        block_bytes,
        names.dialect,
    )
    tally, strays = Tally(), Strays(plan)
    ids, columns, invalid = [np.empty(0, "S1")], _empty_columns(plan), [np.empty(0, np.bool_)]
    row = FIRST_ROW
    for block in blocks:
        typed = _type_block(plan, names, block)
        block_ids = _type_ids(block[ID], trim=names.file.trim)
        tally.add(PATIENT_ID, block_ids.rules, row)
        tally_block(plan, typed, tally, row)
        ids.append(block_ids.values)
        invalid.append(_invalid(plan, typed, len(block_ids.rules)))
        for name, column in typed.items():
            columns[name].append(column.values)
            strays.add(name, column.outside)
        row += len(block_ids.rules)
    values = {name: np.concatenate(columns.pop(name)) for name in list(columns)}
    extract = Extract(np.concatenate(ids), values, np.concatenate(invalid))
    tally.add(PATIENT_ID, _duplicates(extract.ids), FIRST_ROW)
    counts = tally.violations(plan)
    suspicions = _suspicions(plan, extract, strays)
    problems = _problems(plan, extract, counts, suspicions)
    return Reading(subject, extract, counts, problems, suspicions)


def _empty_columns(plan: Plan) -> dict[str, list[NDArray[Any]]]:
    return {variable.name: [np.empty(0, dtype(variable))] for variable in plan.variables}


def _type_block(plan: Plan, names: SiteMapping, block: Block) -> dict[str, Typed]:
    return {variable.name: _type(variable, names, block) for variable in plan.variables}


def _type(variable: AnyVariable, names: SiteMapping, block: Block) -> Typed:
    name, notation = variable.name, names.notation(variable.name)
    if isinstance(variable, Time) and name in names.days:
        return type_days(variable, block[start_of(name)], block[end_of(name)], notation)
    return type_column(variable, block[name], notation)


def _type_ids(column: Column, *, trim: bool) -> Typed:
    """Turn ids into UTF-8 bytes; an id that breaks a rule becomes an empty one."""
    texts = [text.strip() for text in column.spellings] if trim else column.spellings
    encoded = [text.encode("utf-8") for text in texts]
    lengths = np.array([len(id_) for id_ in encoded])
    blanks = np.array([text != text.strip() for text in texts])
    broken = [(lengths == 0, Rule.EMPTY_ID), (blanks, Rule.BLANKS)]
    broken.append((lengths > MAX_ID_BYTES, Rule.LONG_ID))
    rules = np.select([flags for flags, _ in broken], [rule for _, rule in broken], Rule.FINE)
    # Before the array is made: its width is that of the longest.
    for at in np.flatnonzero(rules):
        encoded[at] = b""
    values = np.array(encoded, dtype=np.bytes_)
    return Typed(values[column.codes], rules.astype(np.uint8)[column.codes])


def _duplicates(ids: NDArray[np.bytes_]) -> NDArray[np.uint8]:
    """Mark the rows whose id an earlier row has."""
    rules = np.zeros(len(ids), dtype=np.uint8)
    ordered = np.sort(ids)
    same = ordered[1:] == ordered[:-1]
    if (same & (ordered[1:] != b"")).any():
        _, first = np.unique(ids, return_index=True)
        rules[:] = Rule.DUPLICATE_ID
        rules[first] = Rule.FINE
        rules[ids == b""] = Rule.FINE
    return rules


def _invalid(plan: Plan, typed: dict[str, Typed], rows: int) -> Flags:
    """Flag the rows that the plan excludes for a value outside of the dictionary."""
    flags = np.zeros(rows, dtype=np.bool_)
    for variable in plan.variables:
        if variable.invalid == "exclude":
            flags |= typed[variable.name].rules > Rule.MISSING
    return flags


def _suspicions(plan: Plan, extract: Extract, strays: Strays) -> tuple[Suspicion, ...]:
    found = (
        strays.suspicion(name, int(np.count_nonzero(~np.isnan(extract.values[name]))))
        for name in (v.name for v in plan.variables if isinstance(v, Number))
    )
    return tuple(suspicion for suspicion in found if suspicion)


def _problems(
    plan: Plan,
    extract: Extract,
    counts: tuple[Violation, ...],
    suspicions: tuple[Suspicion, ...],
) -> tuple[Problem, ...]:
    by_name = {suspicion.variable: suspicion for suspicion in suspicions}
    refusing = (found for found in counts if found.effect == "refuse")
    problems = [problem(plan, found, by_name.get(found.variable)) for found in refusing]
    if not extract.rows:
        fix = "export the extract again, with its patients"
        problems.append(Problem("the file", "has a header and no row", fix))
    elif extract.invalid.all():
        rule = "no row is left: each has a value for which the plan excludes the patient"
        problems.append(Problem("the file", rule, "check units and spellings against the plan"))
    return tuple(problems)
