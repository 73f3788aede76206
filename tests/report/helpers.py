"""A small shop with two notebooks of its own, which the tests of the reports share."""

from pathlib import Path

from personalize import report
from personalize.report.plan import Plan

PARAMETERS = """p:source: str = "complete_journey"  # built-in source or path of a source file
as_of: str = ""  # last known day
k: int = 4  # number of things
theta: float = 1.5  # least lift [0 to 50]"""

GOOD = [
    "md:# Good report\n\nWhat is **in** it?\n\n## First & best\n\nThe mean is $\\frac{a}{b}$, and $$\\sum_i x_i$$",
    PARAMETERS,
    "import pandas as pd\nfrom personalize import plots, show",
    "frame = pd.DataFrame({'name': ['<script>alert(1)</script>', '=cmd()', '牛奶'], 'v': [1.5, 2.0, 3.0]})\n"
    "show.table(frame, 'Names')",
    "show.figure(plots.bars(frame, x='v', y='name'), f'Bars of 3 names: largest {frame.v.max()}')",
    "show.text(f'k is **{k}** for {frame.name[0]}')",
    "md:## Decision\n\nDo it.",
    "show.headline('Gain', 10.0 + k, low=9, high=20, baseline=8, unit='USD')",
    "show.export(frame.assign(customer_id=[7, 8, 9]), 'plan', about={'name': 'what to offer'})",
    "show.answer(f'Offer {frame.name[2]}: worth 10 USD and <b>more</b>.')",
]

BAD = [
    "md:# Bad report\n\nDoes it fail well?",
    PARAMETERS,
    "x = {}\nimport json\njson.loads('[')\ny = 1",
    "late = True",
]

SHOP = """
name: shop
title: Corner shop
currency: GBP
tables:
  orders:
    path: orders.csv
    columns: {customer_id: customer_id, order_id: order_id, product_id: product_id, time: time,
              quantity: quantity, amount: amount}
"""

ORDERS = """customer_id,order_id,product_id,time,quantity,amount
1,10,5,2024-01-01 10:00,1,2.5
1,11,5,2024-01-03 10:00,1,2.5
2,12,6,2024-02-02 10:00,2,7.5
"""

IN_A_PROCESS = """
import sys
from pathlib import Path
from personalize import report
from personalize.report import fingerprint
fingerprint.package = lambda: "this package"
f = Path(sys.argv[1])
report.run(f / "shop.yml", notebooks=f / "notebooks", out=f / "out", only="00", progress=lambda s: print(s, flush=True))
heavy = {"nbconvert", "nbclient", "papermill", "sklearn", "matplotlib", "numba"}
print("loaded:", sorted(heavy & set(sys.modules)))
"""


class Shop:
    """A small source with two notebooks of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.out = folder, folder / "out" / "shop"
        (folder / "shop.yml").write_text(SHOP)
        (folder / "orders.csv").write_text(ORDERS)
        self.lines: list[str] = []

    def run(self, what=report.run, **given):
        given = {"notebooks": self.folder / "notebooks", "out": self.folder / "out", **given}
        self.lines = []
        return what(self.folder / "shop.yml", progress=self.lines.append, **given)

    def plan(self, **given):
        given = {"notebooks": self.folder / "notebooks", "out": self.folder / "out", **given}
        asked = {"source": str(self.folder / "shop.yml"), "only": None, "parameters": {}, **given}
        return Plan(**asked)

    def read(self, name: str) -> str:
        return (self.out / name).read_text(encoding="utf-8")

    def files(self) -> dict[str, bytes]:
        return {
            str(p.relative_to(self.out)): p.read_bytes()
            for p in sorted(self.out.rglob("*"))
            if p.is_file()
        }
