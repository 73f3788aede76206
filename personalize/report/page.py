"""One executed notebook as one HTML page: no network, MathML, contents, folded code, light, dark and print."""

import base64
import hashlib
import html
import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import markupsafe
from latex2mathml.converter import convert
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode
from traitlets.config import Config

from personalize.parameters import Parameter
from personalize.report.execution import Failure, is_injected
from personalize.report.notebook import Notebook

TEMPLATES = Path(__file__).parent / "templates"
_ONE_AT_A_TIME = threading.Lock()
DOTS_A_PIXEL = 150 / 96  # of plots.png on a screen


@dataclass(frozen=True)
class Page:
    """What a page says around its notebook.

    Attributes
    ----------
    notebook : the notebook
    values : its parameters
    source : title, name, span, whether simulated
    versions : library -> version
    fingerprint : of the data
    others : (file, title) of the reports of this source, in order
    failure : where the notebook stopped, or None
    again : the command that makes the report again
    """

    notebook: Notebook
    values: Mapping[str, Any]
    source: Mapping[str, Any]
    versions: Mapping[str, str]
    fingerprint: str
    others: Sequence[tuple[str, str]]
    failure: Failure | None = None
    again: str = ""
    changed: frozenset[str] = field(default=frozenset())


def render(nb: NotebookNode, page: Page) -> str:
    """The page of an executed notebook."""
    shown = NotebookNode({**nb, "cells": [cell for cell in nb.cells if not is_injected(cell)]})
    names = [name for name, _ in page.others]
    at = names.index(f"{page.notebook.name}.html") if f"{page.notebook.name}.html" in names else 0
    resources = {
        "page": page,
        "parameters": [
            (
                p,
                said(page.values[p.name]),
                said(p.default),
                _allowed(p, page.source),
                p.meaning,
            )
            for p in page.notebook.parameters.values()
        ],
        "before": page.others[at - 1] if at > 0 else None,
        "after": page.others[at + 1] if at + 1 < len(page.others) else None,
        "facts": facts(nb),
        "frame": frame(),
    }
    with _ONE_AT_A_TIME:
        exporter = _exporter()
        exporter.toc.clear()
        body, _ = exporter.from_notebook_node(shown, resources)
        toc = [*exporter.toc]
    contents = "".join(
        f'<li class="l{level}"><a href="#{slug}">{text}</a></li>' for level, slug, text in toc
    )
    return re.sub(r"\n\s*\n+", "\n", body).replace("<!--contents-->", contents, 1)


def prose(markdown: str) -> str:
    """A short Markdown text as HTML, without the paragraph around it."""
    return (
        MarkdownWithMath(renderer=_Renderer([]))
        .render(markdown)
        .strip()
        .removeprefix("<p>")
        .removesuffix("</p>")
    )


@cache
def frame() -> Mapping[str, Any]:
    """Style, script and the content security policy that lets nothing else in: no network, no other script."""
    style, script = (
        (TEMPLATES / name).read_text(encoding="utf-8").strip()
        for name in ("style.css", "script.js")
    )
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    policy += "; base-uri 'none'; form-action 'none'"
    return {
        "style": markupsafe.Markup(style),
        "script": markupsafe.Markup(script),
        "policy": markupsafe.Markup(policy),
    }


def said(value: Any) -> str:
    """A parameter's value as a reader writes it.

    >>> said(["a", "b"]), said(""), said(1.5)
    ('a, b', '(empty)', '1.5')
    """
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "(none)"
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if value != "" else "(empty)"


def _allowed(parameter: Parameter, source: Mapping[str, Any]) -> str:
    """The range of a parameter in words; that of a day is the data's."""
    return f"{source['start']} to {source['end']}" if parameter.is_day else str(parameter.range)


class _Renderer(IPythonRenderer):
    """Markdown with MathML for formulas, headings with readable anchors, and no raw HTML from the text."""

    def __init__(self, toc: list[tuple[int, str, str]]) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
        self.toc = toc

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        slug = (
            re.sub(r"[^\w]+", "-", html.unescape(re.sub(r"<[^>]+>", "", text)).lower()).strip("-")
            or "part"
        )
        known = [s for _, s, _ in self.toc]
        slug = next(s for s in (slug, *(f"{slug}-{i}" for i in range(2, 999))) if s not in known)
        self.toc.append((level, slug, re.sub(r"</?a[^>]*>", "", text)))
        return f'<h{level} id="{slug}">{text}</h{level}>\n'

    def block_math(self, body: str) -> str:
        return f'<div class="formula" tabindex="0">{_mathml(body, "block")}</div>\n'

    def inline_math(self, body: str) -> str:
        return _mathml(body, "inline")

    def latex_environment(self, name: str, body: str) -> str:
        return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    def table(self, text: str) -> str:
        return f'<div class="scroll" tabindex="0"><table>{text}</table></div>\n'


class _Exporter(TemplateExporter):
    """nbconvert with the template in `templates/report`."""

    output_mimetype = "text/html"

    def __init__(self) -> None:
        self.toc: list[tuple[int, str, str]] = []
        order = ["image/png", "image/svg+xml", "text/html", "text/markdown", "text/plain"]
        config = Config({"NbConvertBase": {"display_data_priority": order}})
        super().__init__(
            config=config, template_name="report", extra_template_basedirs=[str(TEMPLATES)]
        )

    def _file_extension_default(self) -> str:
        return ".html"

    def _template_extension_default(self) -> str:
        return ".html.j2"

    def default_filters(self) -> Any:
        yield from super().default_filters()
        markdown = MarkdownWithMath(renderer=_Renderer(self.toc))
        yield "markdown2html", lambda text: markupsafe.Markup(markdown.render(text))
        yield "highlight_code", _code
        yield "prose", lambda text: markupsafe.Markup(prose(text))
        yield "facts", lambda output: output.get("metadata", {}).get("personalize", {})
        yield "picture", lambda output: _picture(output, wide=True)
        yield "number", lambda value: f"{value:,}"


@cache
def _exporter() -> _Exporter:
    """The exporter of all pages: its templates are compiled once. One thread at a time may use it."""
    return _Exporter()


def _code(source: str, metadata: Any = None) -> str:
    """Coloured Python that the keyboard can scroll."""
    coloured = Highlight2HTML(pygments_lexer="python3")(source, metadata=metadata)
    return coloured.replace("<pre>", '<pre tabindex="0">', 1)


def _picture(output: NotebookNode, wide: bool = False) -> str:
    """An image with its alternative text and its size on the page; a wide one scrolls, by keyboard too."""
    data = output.data["image/png"].replace("\n", "")
    alt = output.metadata.get("image/png", {}).get("alt", "")
    header = base64.b64decode(data[:44])
    width, height = (
        round(int.from_bytes(header[i : i + 4], "big") / DOTS_A_PIXEL) for i in (16, 20)
    )
    size = f'width="{width}" height="{height}"'
    image = f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt or "figure")}" {size}>'
    opening = '<figure tabindex="0">' if wide else "<figure>"
    return (
        f'{opening}{image}<figcaption aria-hidden="true">{html.escape(alt)}</figcaption></figure>'
    )


def _mathml(formula: str, display: str) -> str:
    try:
        return convert(formula.strip(), display=display)
    except (
        Exception
    ):  # latex2mathml raises many kinds; a formula it cannot set is shown as it is written
        return f"<code>{html.escape(formula)}</code>"


def facts(nb: Mapping[str, Any]) -> dict[str, Any]:
    """What the index says of a report: answer, headline numbers, tables and first figure of an executed notebook."""
    found: dict[str, Any] = {"answer": "", "headlines": [], "tables": [], "figure": None}
    outputs = [output for cell in nb["cells"] for output in cell.get("outputs", [])]
    for output in outputs:
        fact = output.get("metadata", {}).get("personalize", {})
        if fact.get("kind") == "answer":
            found["answer"] = fact["text"]
        elif fact.get("kind") in ("headline", "export"):
            found["headlines" if fact["kind"] == "headline" else "tables"].append(fact)
        if found["figure"] is None and "image/png" in output.get("data", {}):
            found["figure"] = _picture(NotebookNode(json.loads(json.dumps(output))))
    return found
