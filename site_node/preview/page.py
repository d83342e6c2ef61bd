"""A preview as one page for the hospital's own screen and printer: no script, font or network."""

import hashlib
from base64 import b64encode
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from protocol.cohort import Cohort
from protocol.plan.digest import plan_digest
from protocol.plan.explain import NEVER_LEAVES
from protocol.plan.words import handle
from site_node.folder import write_private
from site_node.preview.items import Item, drawn, items, masked, title
from site_node.preview.look import NEVER, own_propensity, own_survival, propensity_table
from site_node.preview.rehearsal import Rehearsal
from site_node.preview.text import ABOUT

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Page:
    """Everything that the template shows."""

    study: str
    handle: str
    rows: str
    patients: str
    about: tuple[str, ...]
    items: tuple[Item, ...]
    named: tuple[str, ...]
    not_foretold: tuple[str, ...]
    never: tuple[str, ...]
    look_title: str
    look: tuple[str, ...]


def write_page(found: Rehearsal, cohort: Cohort, path: Path) -> None:
    """Write the page, readable by its owner alone.

    Raises
    ------
    UnavailableError
        If the disk refuses.
    """
    write_private(path, page(found, cohort).encode())


def page(found: Rehearsal, cohort: Cohort) -> str:
    """Draw the page: in words, then the numbers and the bytes of every release."""
    own = own_propensity(found.plan, cohort)
    shown = Page(
        study=found.plan.study.title,
        handle=handle(plan_digest(found.plan)),
        rows=f"{found.rows:,}",
        patients=f"{found.patients:,}",
        about=ABOUT,
        items=items(found),
        named=found.named,
        not_foretold=found.not_foretold,
        never=NEVER_LEAVES,
        look_title=NEVER,
        look=(*own_survival(found.plan, cohort), *([propensity_table(own)] if own else [])),
    )
    style = (TEMPLATES / "preview.css").read_text(encoding="utf-8")
    # The policy allows this one style sheet by its digest, and nothing else.
    digest = "sha256-" + b64encode(hashlib.sha256(style.encode()).digest()).decode()
    template = _environment().get_template("preview.html")
    return template.render(page=shown, style=Markup(style), style_digest=digest)  # noqa: S704


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(drawn=drawn, masked=masked, title=title)
    return environment
