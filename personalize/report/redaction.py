"""What a failed notebook says of itself, without the customers it names: its page and the manifest are published."""

import re
from dataclasses import replace
from pathlib import Path

from nbformat import NotebookNode

from personalize import sources
from personalize.report.execution import Failure
from personalize.tables import Tables

NAMED = """
select distinct cast(customer_id as varchar) as id from {orders} where contains({said}, cast(customer_id as varchar))
"""
SHORT = 6  # digits: a shorter number in a message is most often a count, unless it is a key that was looked up


def masked(nb: NotebookNode, failure: Failure, source: str | Path) -> Failure:
    """The failure without the customers of the source that it names; the error outputs of the notebook likewise."""
    tables = sources.load(source)
    for output in (
        o for cell in nb.cells for o in cell.get("outputs", []) if o.output_type == "error"
    ):
        said = [f"{output.ename}: {text}" for text in (output.evalue, *output.traceback)]
        output.evalue, *output.traceback = (
            without_customers(text, tables).removeprefix(f"{output.ename}: ") for text in said
        )
    return replace(failure, error=without_customers(failure.error, tables))


def without_customers(text: str, tables: Tables) -> str:
    """An error message with every customer in it made nameless.

    >>> import pandas as pd
    >>> day = pd.Timestamp("2024-01-01")
    >>> tables = sources.load({"orders": pd.DataFrame({"customer_id": ["Ann", "Bob"], "order_id": [1, 2],
    ...     "product_id": 5, "time": day, "quantity": 1, "amount": 2.5})})
    >>> without_customers("KeyError: 'Bob' is not in the table", tables)
    "KeyError: '[a customer]' is not in the table"
    """
    found = tables.sql(NAMED, said=text).id
    for name in sorted(found, key=lambda name: (-len(name), name)):
        if not (name.isdigit() and len(name) < SHORT) or text.startswith("KeyError"):
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "[a customer]", text)
    return text
