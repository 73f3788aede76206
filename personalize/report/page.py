"""One executed notebook as one HTML page: no network, MathML, contents, folded code, light, dark
and print.
"""

import base64
import hashlib
import html
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import markupsafe
from latex2mathml.converter import convert
from nbconvert.exporters import TemplateExporter
from nbconvert.filters import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode, from_dict
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
    parameters = []
    for p in page.notebook.parameters.values():
        values = said(page.values[p.name]), said(p.default), _allowed(p, page.source)
        parameters.append((p, *values, p.meaning))
    files, _ = zip(*page.others, strict=True)
    at = files.index(f"{page.notebook.name}.html")
    around = [None, *page.others, None]
    resources = {
        "page": page,
        "parameters": parameters,
        "before": around[at],
        "after": around[at + 2],
        "facts": facts(nb),
        "frame": frame(),
    }
    with _ONE_AT_A_TIME:
        exporter = _exporter()
        exporter.toc.clear()
        body, _ = exporter.from_notebook_node(shown, resources)
        contents = ""
        for level, slug, text in exporter.toc:
            contents += f'<li class="l{level}"><a href="#{slug}">{text}</a></li>'
    body = body.replace("<pre><span></span>", '<pre tabindex="0"><span></span>')
    body = _DATAFRAME.sub(_sound_table, body)
    body = re.sub(r'(<table class="shown mathjax_ignore">)\n<thead>', rf"\1{_CAPTION}<thead>", body)
    return re.sub(r"\n\s*\n+", "\n", body).replace("<!--contents-->", contents, 1)


_DATAFRAME = re.compile(r'<table border="1" class="dataframe">(.*?</thead>)(.*?</table>)', re.S)
_CAPTION = "<caption>What the code of this cell gives</caption>"


def _sound_table(found: re.Match[str]) -> str:
    """A table as pandas writes it, with a caption and with headers that say what they head."""
    head, rows = found.groups()
    head = re.sub(r"<th\b", '<th scope="col"', head)
    rows = re.sub(r"<th\b", '<th scope="row"', rows)
    return f'<table class="dataframe">{_CAPTION}{head}{rows}'


def prose(markdown: str) -> str:
    """A short Markdown text as HTML, without the paragraph around it."""
    text = MarkdownWithMath(renderer=_Renderer([])).render(markdown).strip()
    return text.removeprefix("<p>").removesuffix("</p>")


@cache
def frame() -> Mapping[str, Any]:
    """Style, script and the content security policy that lets nothing else in: no network, no other
    script.
    """
    style = (TEMPLATES / "style.css").read_text(encoding="utf-8").strip()
    script = (TEMPLATES / "script.js").read_text(encoding="utf-8").strip()
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )
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
        return str(value).lower()
    return str(value) or "(empty)"


def _allowed(parameter: Parameter, source: Mapping[str, Any]) -> str:
    """The range of a parameter in words; that of a day is the data's."""
    if parameter.is_day:
        return f"{source['start']} to {source['end']}"
    return str(parameter.range)


class _Renderer(IPythonRenderer):
    """Markdown with MathML for formulas, headings with readable anchors, and no raw HTML from the
    text.
    """

    def __init__(self, toc: list[tuple[int, str, str]]) -> None:
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
        self.toc = toc

    def heading(self, text: str, level: int, **attrs: Any) -> str:
        words = html.unescape(re.sub(r"<[^>]+>", "", text)).lower()
        base = slug = re.sub(r"[^\w]+", "-", words).strip("-") or "part"
        known = [other for _, other, _ in self.toc]
        for number in range(2, len(known) + 3):
            if slug in known:
                slug = f"{base}-{number}"
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
        yield "markdown2html", _marked(markdown.render)
        yield "highlight_code", _code
        yield "prose", _marked(prose)
        yield "facts", _facts
        yield "picture", _wide_picture
        yield "number", "{:,}".format


def _marked(render: Callable[[str], str]) -> Callable[[str], markupsafe.Markup]:
    """A function whose text is HTML already."""
    return lambda text: markupsafe.Markup(render(text))


def _facts(output: Mapping[str, Any]) -> Mapping[str, Any]:
    """What an output tells the index, see `show`."""
    return output.get("metadata", {}).get("personalize", {})


@cache
def _exporter() -> _Exporter:
    """The exporter of all pages: templates are compiled once. One thread at a time may use it."""
    return _Exporter()


def _code(source: str, metadata: Any = None) -> str:
    """Coloured Python that the keyboard can scroll."""
    coloured = Highlight2HTML(pygments_lexer="python3")(source, metadata=metadata)
    return coloured.replace("<pre>", '<pre tabindex="0">', 1)


def _picture(output: NotebookNode) -> str:
    """An image with its alternative text and its size on the page."""
    data = output.data["image/png"].replace("\n", "")
    alt = html.escape(output.metadata.get("image/png", {}).get("alt", ""))
    header = base64.b64decode(data[:44])
    width = round(int.from_bytes(header[16:20], "big") / DOTS_A_PIXEL)
    height = round(int.from_bytes(header[20:24], "big") / DOTS_A_PIXEL)
    said = f'alt="{alt or "figure"}" width="{width}" height="{height}"'
    image = f'<img src="data:image/png;base64,{data}" {said}>'
    return f'<figure>{image}<figcaption aria-hidden="true">{alt}</figcaption></figure>'


def _wide_picture(output: NotebookNode) -> str:
    """An image that scrolls where it is wide, by keyboard too."""
    return _picture(output).replace("<figure>", '<figure tabindex="0">', 1)


def _mathml(formula: str, display: str) -> str:
    try:
        return convert(formula.strip(), display=display)
    except Exception:  # of many kinds; a formula that cannot be set is shown as it is written
        return f"<code>{html.escape(formula)}</code>"


def facts(nb: Mapping[str, Any]) -> dict[str, Any]:
    """What the index says of a report: answer, headline numbers, tables and first figure of an
    executed notebook.
    """
    found: dict[str, Any] = {"answer": "", "headlines": [], "tables": [], "figure": None}
    for cell in nb["cells"]:
        for output in cell.get("outputs", []):
            fact = _facts(output)
            if fact.get("kind") == "answer":
                found["answer"] = fact["text"]
            elif fact.get("kind") == "headline":
                found["headlines"].append(dict(fact))
            elif fact.get("kind") == "export":
                found["tables"].append(fact)
            if found["figure"] is None and "image/png" in output.get("data", {}):
                found["figure"] = _picture(from_dict(output))
    return found
