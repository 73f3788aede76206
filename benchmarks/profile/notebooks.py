"""The work of notebooks 00 and 01 on Complete Journey, pictures and tables included: CPU seconds beyond imports."""

import ast
import importlib
import json
from pathlib import Path

import clock

import personalize as pz

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
IMPORTS = ("personalize.show", "personalize.plots", "personalize.statistics", "matplotlib.backends.backend_agg",
           "statsmodels.tsa.seasonal")  # fmt: skip


def run(path: Path) -> int:
    """Run the code cells in order and show what each ends in; returns the characters shown."""
    space, shown = {}, 0
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] == "code":
            body = ast.parse("".join(cell["source"])).body
            last = body.pop() if isinstance(body[-1], ast.Expr) else None
            exec(compile(ast.Module(body, []), path.name, "exec"), space)
            made = (
                eval(compile(ast.Expression(last.value), path.name, "eval"), space)
                if last
                else None
            )
            shown += sum(map(len, made.data.values())) if hasattr(made, "data") else 0
    return shown


for name in IMPORTS:
    importlib.import_module(name)
pz.load("complete_journey").engine.close()  # converted before, as in every use after the first
clock.report(lambda: [run(path) for path in sorted(NOTEBOOKS.glob("0[01]_*.ipynb"))], min)
