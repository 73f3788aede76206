"""What a failed notebook says of itself, without the customers it names: its page and the manifest
are published.
"""

import re
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from personalize import sources
from personalize.report.execution import Failure
from personalize.tables import Tables

NAMED = """
select distinct cast(customer_id as varchar) as id from {orders}
where contains({said}, cast(customer_id as varchar))
"""
SHORT = 6  # digits: a shorter number is most often a count, unless it is a key that was looked up


def masked(nb: NotebookNode, failure: Failure, source: str | Path) -> Failure:
    """The failure without the customers of the source that it names; the error outputs of the
    notebook likewise.
    """
    tables = sources.load(source)
    for cell in nb.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.evalue = _said(output.ename, output.evalue, tables)
                output.traceback = [_said(output.ename, x, tables) for x in output.traceback]
    return replace(failure, error=without_customers(failure.error, tables))


def _said(kind: str, text: str, tables: Tables) -> str:
    """The text after the kind of error that it is of."""
    return without_customers(f"{kind}: {text}", tables).removeprefix(f"{kind}: ")


def without_customers(text: str, tables: Tables) -> str:
    """An error message with every customer in it made nameless.

    >>> import pandas as pd
    >>> frame = pd.DataFrame({"customer_id": ["Ann", "Bob"], "order_id": [1, 2]})
    >>> frame = frame.assign(product_id=5, quantity=1, amount=2.5)
    >>> tables = sources.load({"orders": frame.assign(time=pd.Timestamp("2024-01-01"))})
    >>> without_customers("KeyError: 'Bob' is not in the table", tables)
    "KeyError: '[a customer]' is not in the table"
    """
    found = tables.sql(NAMED, said=text).id
    for name in sorted(sorted(found), key=len, reverse=True):
        short = name.isdigit() and len(name) < SHORT
        if not short or text.startswith("KeyError"):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[a customer]", text)
    return text
