"""An executed notebook without anything that differs from run to run: clocks, random ids, machine paths."""

import re
from pathlib import Path

from nbformat import NotebookNode

INJECTED = "injected-parameters"
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


def normalised(nb: NotebookNode) -> NotebookNode:
    """The notebook with plain metadata, cell ids c000, c001, ... and execution counts 1, 2, ... (in place)."""
    nb.nbformat, nb.nbformat_minor = 4, 5
    nb.metadata = NotebookNode(
        kernelspec={"display_name": "Python 3", "language": "python", "name": "python3"},
        language_info={"name": "python", "file_extension": ".py", "mimetype": "text/x-python"},
    )
    count = 0
    for i, cell in enumerate(nb.cells):
        cell.id = f"c{i:03d}"
        tags = cell.metadata.get("tags", [])
        cell.metadata = NotebookNode(tags=tags) if tags else NotebookNode()
        if cell.cell_type != "code":
            continue
        count += 1
        cell.execution_count = count
        cell.outputs = _joined([_output(output, count) for output in cell.outputs])
    return nb


def without_folder(nb: NotebookNode, source: str) -> None:
    """Write the source's file name where the injected cell holds its absolute path."""
    if Path(source).is_absolute():
        for cell in nb.cells:
            if INJECTED in cell.metadata.get("tags", []):
                cell.source = cell.source.replace(source, Path(source).name)


def plain(text: str) -> str:
    """Terminal text without colours."""
    return _ANSI.sub("", text)


def _output(output: NotebookNode, count: int) -> NotebookNode:
    if output.output_type == "execute_result":
        output.execution_count = count
    output.pop("transient", None)
    return output


def _joined(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """Pieces of one stream that follow each other become one: how they were cut depends on timing."""
    joined: list[NotebookNode] = []
    for output in outputs:
        last = joined[-1] if joined else None
        if last and output.output_type == last.output_type == "stream" and output.name == last.name:
            last.text += output.text
        else:
            joined.append(output)
    return joined
