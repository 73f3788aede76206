"""The vocabulary: which tables exist, what one row is, and what every column means.

This module is the glossary of the kit. Only `personalize.sources` knows a shop's own column names;
everything else speaks the names below.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from hashlib import sha256
from importlib.resources import files
from typing import Any

import pandas as pd


class TableError(ValueError):
    """Wrong input: says what is wrong, where, how often, and what to do next."""

    @classmethod
    def of(cls, heading: str, problems: list[str]) -> "TableError":
        """One error that lists every problem found."""
        return cls("\n".join([heading, *(f"  - {problem}" for problem in problems)]))


class Unavailable(TableError):
    """What was asked for needs a table, a column or a stretch of time that these data lack.

    A notebook goes on without it (`personalize.show.optional`); any other `TableError` stops it.
    """


class Absent:
    """What a notebook holds in place of a result that the data do not allow.

    The cells after it flow on; what shows it shows the reason (see `personalize.show.optional`):

    - it is false and empty, and any attribute, item, call, comparison (`==` and `!=` as well) and
      operator gives the same object again, beside an array or a frame too;
    - in a sentence it is a dash, as a missing number is in a table; `str` gives the reason;
    - it is no number, and names that begin with an underscore are not answered: no protocol of
      another library is met by accident. To unpack it there is nothing: take items.

    Parameters
    ----------
    reason : one sentence, what is missing

    Examples
    --------
    >>> nothing = Absent("needs a table of products")
    >>> bool(nothing), len(nothing), list(nothing[nothing.lift > 1].head(3))
    (False, 0, [])
    >>> f"{nothing.share:.1%}", pd.Series([1, 2]) * nothing
    ('–', Not available here: needs a table of products.)
    """

    __array_ufunc__ = None  # numpy and pandas leave an operator beside it to this class
    __pandas_priority__ = 10_000
    __hash__ = object.__hash__

    def __init__(self, reason: str) -> None:
        self.reason = " ".join(reason.split()).rstrip(".")

    def _absent(self, *_: Any, **__: Any) -> Any:
        return self

    __call__ = __getitem__ = _absent
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _absent
    __neg__ = __pos__ = __abs__ = __invert__ = __round__ = _absent
    __add__ = __sub__ = __mul__ = __truediv__ = __floordiv__ = __mod__ = __pow__ = _absent
    __radd__ = __rsub__ = __rmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _absent
    __and__ = __or__ = __xor__ = __matmul__ = _absent
    __rand__ = __ror__ = __rxor__ = __rmatmul__ = _absent

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self

    def __setitem__(self, *_: Any) -> None:
        pass

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __contains__(self, item: Any) -> bool:
        return False

    def __format__(self, spec: str) -> str:
        return "–"

    def __repr__(self) -> str:
        return f"Not available here: {self.reason}."


def require_fitted(model: Any, attribute: str) -> None:
    """Refuse a model that has not been fitted.

    Parameters
    ----------
    model : any model of the kit
    attribute : name of an attribute that fitting sets; it ends in an underscore

    Raises
    ------
    TableError : where the attribute is missing.

    Examples
    --------
    >>> require_fitted(object(), "labels_")
    Traceback (most recent call last):
    personalize.tables.TableError: object is not fitted yet: call .fit(...) first
    """
    if not hasattr(model, attribute):
        raise TableError(f"{type(model).__name__} is not fitted yet: call .fit(...) first")


@dataclass(frozen=True)
class Column:
    """One column of a contract: its kind decides how raw values are read."""

    kind: str  # id | time | quantity | money | number | text | flag
    help: str
    required: bool = False


@dataclass(frozen=True)
class Contract:
    """One table of the vocabulary: what a row is, its columns and its key."""

    row: str
    columns: Mapping[str, Column]
    key: tuple[str, ...] = ()
    open: bool = False  # may carry further attributes

    @property
    def required(self) -> list[str]:
        """The columns that must be there."""
        return [name for name, column in self.columns.items() if column.required]


def _contract(row: str, columns: str, *, key: tuple[str, ...] = (), open: bool = False) -> Contract:
    """A contract from its glossary: on each line name (* required), kind and meaning."""
    words = [line.split(None, 2) for line in columns.strip().splitlines()]
    return Contract(
        row,
        {name.rstrip("*"): Column(kind, text, name.endswith("*")) for name, kind, text in words},
        key,
        open,
    )


CONTRACTS: Mapping[str, Contract] = {
    "orders": _contract(
        "order line",
        """
        customer_id*     id        the customer; empty for an anonymous sale
        order_id*        id        the order (basket, invoice)
        product_id*      id        the product
        time*            time      local time, without a zone
        quantity*        quantity  pieces, or the shop's own unit; below 0 for a return
        amount*          money     money for the whole line
        discount         money     reduction given by the shop
        coupon_discount  money     reduction paid by a coupon
        channel          text      where it was sold
        store_id         id        the store
        """,
    ),
    "products": _contract(
        "product",
        """
        product_id*      id        the product
        name             text      what people call it
        text             text      description
        department       text      widest group
        category         text      group
        subcategory      text      narrowest group
        brand            text      brand
        price            money     list price
        """,
        key=("product_id",),
        open=True,
    ),
    "customers": _contract(
        "customer",
        """
        customer_id*     id        the customer
        age              number    years
        age_band         text      age group
        gender           text      gender as stated
        location         text      where the customer lives
        income           text      income or income group
        household_size   text      people in the household
        """,
        key=("customer_id",),
        open=True,
    ),
    "events": _contract(
        "page view or click",
        """
        customer_id*     id        the visitor; empty where unknown
        time*            time      local time, without a zone
        event*           text      what happened: view, cart, ...
        page_id          id        the page
        product_id       id        the product
        session_id       id        the visit
        channel          text      device or entry
        """,
    ),
    "reviews": _contract(
        "review",
        """
        customer_id*     id        who wrote it
        product_id*      id        what it is about
        time*            time      local time, without a zone
        rating           number    stars or points
        text             text      what was written
        """,
    ),
    "links": _contract(
        "social tie",
        """
        customer_id*     id        one end
        other_id*        id        the other end, a customer too
        weight           number    strength, 1 where unknown
        """,
        key=("customer_id", "other_id"),
    ),
    "offers": _contract(
        "offer or ad",
        """
        offer_id*        id        the offer
        kind*            text      coupon, ad or price
        campaign_id      id        the campaign it belongs to
        product_id       id        the product it is for
        category         text      the group it is for
        keywords         text      words it answers to
        discount         money     reduction it gives
        cost             money     cost of one use
        channel          text      how it is sent
        start            time      first moment it is valid
        end              time      last moment it is valid
        location         text      where it is valid
        """,
    ),
    "contacts": _contract(
        "message sent",
        """
        customer_id*     id        who got it
        campaign_id*     id        the campaign
        time*            time      local time, without a zone
        offer_id         id        the offer in it
        channel          text      how it was sent
        arm              text      arm of the test, control included
        probability      number    chance with which the arm was drawn, 0 to 1
        cost             money     cost of the message
        """,
    ),
    "responses": _contract(
        "response",
        """
        customer_id*     id        who answered
        campaign_id*     id        the campaign
        time*            time      local time, without a zone
        offer_id         id        the offer used
        product_id       id        the product bought with it
        kind             text      redeemed, clicked, ...
        """,
    ),
    "surveys": _contract(
        "answer",
        """
        customer_id*     id        who answered
        time*            time      local time, without a zone
        question*        text      what was asked
        score*           number    the answer as a number
        text             text      the answer in words
        """,
    ),
}


MAY_BE_ANONYMOUS = (
    "orders",
    "events",
)  # rows without a customer count here; everywhere else they are dropped


def unknown_columns(table: str, names: list[str]) -> list[str]:
    """The names that are no column of `table` (none for a table that takes further attributes)."""
    contract = CONTRACTS[table]
    return [] if contract.open else [name for name in names if name not in contract.columns]


def problems(engine: Any, relations: Mapping[str, str]) -> list[str]:
    """Every breach of a contract that needs the rows themselves, in words.

    Parameters
    ----------
    engine : an engine with `frame(sql)`, which holds `order_sums` (one row an order, first and last
        customer)
    relations : table name -> relation to check

    Returns
    -------
    list of str : one sentence a breach, with counts, examples and the next step; empty when all is
        well.
    """
    found = [
        f"table '{name}' is empty: no row is left to work with"
        for name, relation in relations.items()
        if engine.frame(f"select 1 as x from {relation} limit 1").empty
    ]
    for name, relation in relations.items():
        if CONTRACTS[name].key:
            found += _duplicate_keys(engine, name, relation)
    return [*found, *_shared_orders(engine)]


def _duplicate_keys(engine: Any, name: str, relation: str) -> Iterator[str]:
    key = ", ".join(CONTRACTS[name].key)
    count, first = _counted(
        engine,
        f"select {key}, count(*) as n from {relation} group by {key} having count(*) > 1",
        key,
    )
    if count:
        examples = ", ".join("/".join(map(str, row[:-1])) for row in first.itertuples(index=False))
        yield (
            f"table '{name}': {count:,} value(s) of {key} occur more than once (first: "
            f"{examples}). "
            f"One row a {CONTRACTS[name].row} is needed: remove the repeats, or derive the table "
            "with 'from: orders'"
        )


def _shared_orders(engine: Any) -> Iterator[str]:
    count, first = _counted(
        engine, "select order_id from order_sums where first_customer <> customer_id", "order_id"
    )
    if count:
        examples = ", ".join(map(str, first.order_id))
        yield (
            f"table 'orders': {count:,} order(s) belong to two or more customers (first: "
            f"{examples}). "
            "An order has one customer: correct the rows, or make order ids unique (number them "
            "per store or day)"
        )


def _counted(engine: Any, found: str, key: str) -> tuple[int, pd.DataFrame]:
    """How many rows a query finds, and the first three."""
    count = int(engine.frame(f"select count(*) as n from ({found}) as found").n[0])
    return count, engine.frame(f"{found} order by {key} limit 3") if count else pd.DataFrame()


@dataclass(frozen=True)
class Table:
    """One table inside the engine: read what you need of it."""

    engine: Any
    relation: str

    @cached_property
    def columns(self) -> list[str]:
        """The names of its columns."""
        return self.engine.columns(self.relation)

    def count(self) -> int:
        """The number of its rows."""
        return int(self.engine.frame(f"select count(*) as n from {self.relation}").n[0])

    def to_pandas(
        self, columns: list[str] | None = None, *, max_rows: int = 5_000_000
    ) -> pd.DataFrame:
        """The rows as a DataFrame; a table of more than `max_rows` rows is refused, not cut.

        Parameters
        ----------
        columns : names to read; all when None
        max_rows : the largest number of rows to bring into memory

        Raises
        ------
        TableError : for an unknown column or too many rows.
        """
        if missing := sorted(set(columns or []) - set(self.columns)):
            raise TableError(f"no column {missing} in '{self.relation}'. Present: {self.columns}")
        chosen = ", ".join(map(ticked, columns or self.columns))
        return self.engine.frame(f"select {chosen} from {self.relation}", max_rows=max_rows)


_TIMED = ("orders", "order_totals", "events", "reviews", "contacts", "responses", "surveys")


@dataclass(frozen=True)
class Tables:
    """All tables of one source, up to a day: what every feature and model starts from.

    Attributes
    ----------
    name, currency : of the source
    engine : the engine that holds the rows
    relations : table name -> relation in the engine (`order_totals`, one row an order, beside the
        contracts')
    card : title, description, terms and simulated (bool) of the data
    log : one row a cleaning step (table, step, reason, rows, consequence)
    """

    name: str
    engine: Any
    relations: Mapping[str, str]
    currency: str = ""
    card: Mapping[str, Any] = field(default_factory=dict)
    log: pd.DataFrame = field(default_factory=pd.DataFrame, repr=False)

    def __contains__(self, table: str) -> bool:
        return table in self.relations

    def __getattr__(self, table: str) -> Table:
        if table in self.__dict__.get("relations", {}):
            return Table(self.engine, self.relations[table])
        if table in CONTRACTS:
            columns = ", ".join(CONTRACTS[table].columns)
            raise Unavailable(
                f"source '{self.name}' has no table '{table}'. To add it, give columns: {columns}"
            )
        raise AttributeError(table)

    @cached_property
    def _span(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        span = self.sql("select min(day) as start, max(day) as stop from {order_totals}")
        if span.start.isna()[0]:
            raise TableError(f"source '{self.name}' has no order in the chosen days")
        return pd.Timestamp(span.start[0]), pd.Timestamp(span.stop[0])

    @property
    def start(self) -> pd.Timestamp:
        """The first day with an order."""
        return self._span[0]

    @property
    def end(self) -> pd.Timestamp:
        """The last day with an order."""
        return self._span[1]

    def until(self, as_of: Any) -> "Tables":
        """The same tables as they were known at the end of the day `as_of`.

        Raises
        ------
        TableError : when `as_of` is no date, or a day outside the data.
        """
        return self._window(None, self._day(as_of, "as_of"))

    def between(self, after: Any, until: Any) -> "Tables":
        """The days after `after`, up to and including `until`: what came next."""
        return self._window(self._day(after, "after"), self._day(until, "until"))

    def _day(self, value: Any, name: str) -> pd.Timestamp:
        try:
            day = pd.Timestamp(value).normalize()
        except (ValueError, TypeError, AttributeError):
            raise TableError(f"{name} = {value!r} is no date: write it as YYYY-MM-DD") from None
        if not self.start <= day <= self.end:
            raise TableError(
                f"{name} = {value} is outside the data of '{self.name}': "
                f"orders run from {self.start:%Y-%m-%d} to {self.end:%Y-%m-%d}"
            )
        return day

    def _window(self, after: pd.Timestamp | None, until: pd.Timestamp) -> "Tables":
        stop = until + pd.Timedelta(days=1)
        where = f"time < timestamp '{stop}'"
        tag = f"until_{until:%Y%m%d}"
        if after is not None:
            where += f" and time >= timestamp '{after + pd.Timedelta(days=1)}'"
            tag = f"after_{after:%Y%m%d}_{tag}"
        cut = {
            name: self.engine.view(
                f"{relation.rpartition('.')[2]}_{tag}", f"select * from {relation} where {where}"
            )
            for name, relation in self.relations.items()
            if name in _TIMED
        }
        return replace(self, relations={**self.relations, **cut})

    def where(self, condition: str) -> "Tables":
        """The same tables with the order lines that meet a condition, and the orders they make up.

        Parameters
        ----------
        condition : SQL over the columns of `orders`, such as "store_id = '5'" or "channel = 'web'
            and amount > 0"

        Returns
        -------
        Tables : `orders` holds the lines that are kept, `order_totals` is added up from them anew;
            every other table stays whole.

        Raises
        ------
        TableError : when the condition cannot be read, or no order line meets it.

        Examples
        --------
        >>> import personalize as pz
        >>> day = pd.to_datetime(["2024-01-05", "2024-01-05", "2024-01-06"])
        >>> orders = pd.DataFrame({"customer_id": [1, 1, 2], "order_id": [10, 10, 11],
        ...                        "product_id": [5, 6, 5],
        ...                        "time": day, "quantity": 1, "amount": [2.0, 3.0, 4.0],
        ...                        "store_id": [5, 5, 7]})
        >>> pz.load({"orders": orders}).where("store_id = 5").order_totals.to_pandas(["order_id",
        ...          "amount"])
           order_id  amount
        0        10     5.0
        """
        key = sha256(f"{self.relations['orders']} {condition}".encode()).hexdigest()[:8]
        kept = {"orders": self._kept_lines(condition, f"orders_where_{key}")}
        returned = "false" if self.card.get("returns") == "keep" else "is_return"
        for name in ("order_repeats", "order_sums"):
            kept[name] = self.engine.view(f"{name}_where_{key}", sql_file(name).format(**kept))
        totals = sql_file("order_totals").format(**kept, is_return=returned)
        name = f"order_totals_where_{key}"
        kept["order_totals"] = self.engine.table(name, totals, temporary=True)
        return replace(self, relations={**self.relations, **kept})

    def _kept_lines(self, condition: str, name: str) -> str:
        """The relation `name` of the order lines that meet a condition; at least one must."""
        text = f"select * from {self.relations['orders']} where (\n{condition}\n)"
        try:
            left = Table(self.engine, self.engine.view(name, text)).count()
        except Exception as error:  # of DuckDB or Spark, neither of which is imported here
            columns = ", ".join(self.orders.columns)
            raise TableError(
                f"where({condition!r}) cannot be read ({' '.join(str(error).split())[:200]}). "
                f"Give one SQL condition over the columns of 'orders': {columns}"
            ) from None
        if not left:
            raise TableError(
                f"source '{self.name}': no order is left where {condition}. Look at the values "
                "that "
                "there are, as in tables.sql('select distinct store_id from {orders}')"
            )
        return name

    def sql(self, text: str, *, max_rows: int = 5_000_000, **values: Any) -> pd.DataFrame:
        """The result of a query whose `{table}` and `{value}` marks are filled in."""
        marks = {name: literal(value) for name, value in values.items()}
        return self.engine.frame(text.format_map({**self.relations, **marks}), max_rows=max_rows)

    def query(self, name: str, *, max_rows: int = 5_000_000, **values: Any) -> pd.DataFrame:
        """The result of the query kept in `personalize/sql/<name>.sql`, as a DataFrame."""
        return self.sql(sql_file(name), max_rows=max_rows, **values)


def sql_file(name: str) -> str:
    """The text of the query kept in `personalize/sql/<name>.sql`."""
    return files("personalize").joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")


def require_tables(tables: Any, call: str) -> None:
    """Refuse what is no `Tables`, with the call that works.

    Parameters
    ----------
    tables : what was given
    call : the function or method that needs tables, as a user writes it

    Raises
    ------
    TableError : for anything else.

    Examples
    --------
    >>> require_tables(pd.DataFrame(), "rfm")
    Traceback (most recent call last):
    personalize.tables.TableError: rfm needs tables, not a DataFrame: rfm(pz.load({'orders':
    frame}), as_of=...)
    """
    if not isinstance(tables, Tables):
        kind = type(tables).__name__
        raise TableError(
            f"{call} needs tables, not a {kind}: {call}(pz.load({{'orders': frame}}), as_of=...)"
        )


def ticked(column: str) -> str:
    """The column as an SQL name, whatever characters it holds.

    >>> ticked("order id")
    '`order id`'
    """
    return "`" + column.replace("`", "``") + "`"


def quoted(value: object) -> str:
    """The value as an SQL string.

    >>> quoted("it's")
    "'it''s'"
    """
    return "'" + str(value).replace("'", "''") + "'"


def literal(value: Any) -> str:
    """The value as SQL text, in the dialect that every engine reads.

    >>> literal("it's"), literal(3), literal(pd.Timestamp("2017-09-30"))
    ("'it''s'", '3', "timestamp '2017-09-30 00:00:00'")
    """
    if isinstance(value, str):
        return quoted(value)
    if hasattr(value, "isoformat"):
        return f"timestamp '{pd.Timestamp(value)}'"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(literal, value))
    return str(value)
