"""The hospital's rows as a preview and a review take them: by the rules that a run would meet."""

import os
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from protocol.cohort import Cohort
from protocol.disclosure_site import Tighter, require_cohort, require_plan
from protocol.ids import site_id
from protocol.plan.digest import plan_digest
from protocol.plan.model import Plan
from site_node.config import PlanFiles, SiteConfig
from site_node.data.snapshot import Snapshot, load_snapshot
from site_node.folder import StateFolder
from site_node.ledger import Ledger
from site_node.patterns import Patterns

NOBODY = site_id("this-hospital")


def own_rows(
    plan: Plan,
    settings: SiteConfig | None,
    extract: Path | None = None,
    mapping: Path | None = None,
) -> tuple[Snapshot, Tighter]:
    """Read the rows for a plan and the hospital's own limits.

    From the files that settings name for the plan, unless `extract` or `mapping` are given; without
    settings `extract` has to be.

    Raises
    ------
    FederationError
        If they do not fit the plan or the hospital's own limits, or earlier runs are against it.
    OSError
        If they cannot be read.
    """
    files = _files(plan, settings)
    if extract is not None:
        files = replace(files, extract=extract, mapping=mapping)
    own = settings.tighter if settings else Tighter()
    site = settings.site if settings else NOBODY
    # A secret of the moment: the seals and lottery numbers of a preview are nobody's.
    wanted = replace(files, mapping=mapping or files.mapping)
    snapshot = load_snapshot(site, plan, wanted, os.urandom(32))
    require_plan(plan, own)
    require_cohort(plan, snapshot.cohort, own)
    if settings is not None:
        _require_patterns(settings.state, plan, snapshot.cohort, own)
    return snapshot, own


def _files(plan: Plan, settings: SiteConfig | None) -> PlanFiles:
    """Find the files that settings name for a plan, or else for all."""
    digest, ordinary = plan_digest(plan), Path("extract.csv")
    if settings is None:
        return PlanFiles(Path(), digest, ordinary, None)
    named = (files for files in settings.plans if files.digest == digest)
    file = StateFolder(settings.state).plan(digest)
    return next(named, PlanFiles(file, digest, settings.extract or ordinary, settings.mapping))


def _require_patterns(state: Path, plan: Plan, cohort: Cohort, own: Tighter) -> None:
    """Hold the plan's cohorts against those that earlier runs released, where there were some."""
    folder = StateFolder(state)
    if not folder.ledger.exists():
        return
    named = replace(cohort, secret=folder.seed(folder.secret))
    # As it is, also beside a running node: nothing is written.
    with closing(Ledger.open(folder.ledger, folder.head, older=True)) as ledger:
        Patterns(folder, ledger).require_planned(plan, named, own)
