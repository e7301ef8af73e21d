"""``report.html``: one self-contained file, without scripts and without anything to load.

Everything is escaped by the template engine; only charts, whose text matplotlib has escaped, are put in as they are.
"""

from __future__ import annotations

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.report.page import Page


def html_text(page: Page) -> str:
    """The page as HTML."""
    environment = Environment(
        loader=PackageLoader("harness.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    style = files("harness.report").joinpath("templates/report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html").render(page=page, style=Markup(style))
