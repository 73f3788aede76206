"""The README says what the notebooks say: its table holds the question and the stored answer of each."""

import re
from pathlib import Path

import nbformat

ROOT = Path(__file__).parents[1]


def rows() -> list[str]:
    """The README's table, as the stored notebooks would have it."""
    table = ["| notebook | question | answer on the default data |", "|---|---|---|"]
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = nbformat.read(path, as_version=4)
        title = notebook.cells[0].source.splitlines()[0].removeprefix("# ")
        said = [
            output.metadata.personalize.text
            for cell in notebook.cells
            for output in cell.get("outputs", [])
            if output.get("metadata", {}).get("personalize", {}).get("kind") == "answer"
        ]
        assert len(said) == 1, f"{path.name} gives {len(said)} answers"
        table.append(f"| [{path.stem}](notebooks/{path.name}) | {title} | {said[0]} |")
    return table


def test_the_readme_gives_the_stored_answer_of_every_notebook():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    missing = [row for row in rows() if row not in readme]
    assert not missing, "put these rows into README.md:\n" + "\n".join(missing)


def test_the_readme_names_every_built_in_source_and_both_commands():
    from personalize import sources

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in readme for name in sources.names())
    assert "make report" in readme and "make test" in readme


def test_the_readme_is_one_page():
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) <= 900


def markdown(frame) -> str:
    """The table of parameters in Markdown."""
    lines = [f"| {' | '.join(frame.columns)} |", "|" + "---|" * len(frame.columns)]
    for name, kind, default, allowed, text, where in frame.astype(str).itertuples(index=False):
        said = "empty" if default == "''" else f"`{default}`"
        lines.append(f"| `{name}` | {kind} | {said} | {allowed or 'any'} | {text} | {where} |")
    return "\n".join(lines) + "\n"


def test_the_page_of_parameters_lists_every_parameter_with_its_range():
    from personalize.report import parameter_table

    page = (ROOT / "docs" / "parameters.md").read_text(encoding="utf-8")
    table = markdown(parameter_table(ROOT / "notebooks"))
    assert table in page, f"put this table into docs/parameters.md:\n{table}"


def test_links_between_pages_lead_somewhere():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]
    for page in pages:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
