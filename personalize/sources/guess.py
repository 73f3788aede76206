"""A first source file for somebody's own export: guess what can be guessed, name what cannot."""

import csv
import os
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from personalize.sources import reading
from personalize.sources.spec import TableSpec
from personalize.tables import CONTRACTS, TableError

# Names seen in shop exports, in plain form (lower case letters and digits), most telling first.
_SEEN = {
    "customer_id": (
        "customerid customer custid clientid client userid user memberid member "
        "householdid household buyerid buyer shopperid accountid visitorid kunde kundennr"
    ),
    "order_id": (
        "orderid orderno ordernumber order invoiceno invoiceid invoice invoicenumber "
        "basketid basket transactionid transaction transactionno receiptid receipt "
        "receiptno billno saleid bestellung"
    ),
    "product_id": (
        "productid product stockcode sku skuid itemid item articleid article articleno "
        "artikel upc ean asin variantid materialid"
    ),
    "time": (
        "time timestamp datetime invoicedate orderdate date purchasedate "
        "transactiontimestamp transactiondate orderdatetime createdat "
        "orderpurchasetimestamp day datum"
    ),
    "quantity": ("quantity qty units unitssold pieces count amountofitems numberofitems cds menge"),
    "unit_price": "unitprice price itemprice priceperunit salesprice preis",
    "amount": (
        "amount salesvalue linetotal total totalprice revenue sales netsales linerevenue "
        "value spend turnover subtotal dollarvalue umsatz"
    ),
    "discount": "discount retaildisc discountamount rabatt",
    "coupon_discount": "coupondisc coupondiscount couponvalue",
    "channel": "channel saleschannel",
    "store_id": "storeid store shopid branch outlet filiale",
    "name": "description productname itemname name title productdescription",
    "text": "text longdescription details",
    "department": "department",
    "category": "category productcategory group productgroup maincategory",
    "subcategory": "subcategory producttype type subgroup",
    "brand": "brand manufacturer make",
    "price": "price unitprice listprice",
    "location": "country region city location state",
    "age": "age",
    "age_band": "ageband agegroup",
    "gender": "gender sex",
    "income": "income",
    "household_size": "householdsize",
    "other_id": "friendid otherid followedid",
    "rating": "rating stars score",
    "event": "event eventtype action",
    "session_id": "sessionid session",
    "page_id": "pageid page url",
    "question": "question",
    "score": "score answer",
    "campaign_id": "campaignid campaign",
    "offer_id": "offerid offer",
    "kind": "kind",
    "weight": "weight",
    "arm": "arm group variant",
}
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%Y-%m-%d",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d-%m-%Y %H:%M",
    "%d-%m-%Y",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%d",
    "%m/%d/%y %H:%M",
    "%d/%m/%y %H:%M",
    "%d-%b-%Y",
    "%d %b %Y",
)
_CODE = re.compile(r"[A-Za-z][A-Za-z .]*")


@dataclass
class Guess:
    """What a file seems to hold.

    Attributes
    ----------
    table : name of the table
    columns : kit name -> name in the file
    unused : columns of the file with no place
    notes : what was found and what is doubtful, in words
    """

    file: Path
    table: str
    columns: dict[str, str]
    unused: list[str]
    encoding: str = "utf-8"
    time_format: str = ""
    whole_orders: bool = False
    decimal: str = "."
    exclude: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def missing(self) -> list[str]:
        """Required columns that were not found and that the kit cannot make."""
        made = {"amount"} if "unit_price" in self.columns else set()
        made |= {"order_id", "product_id", "quantity"} if self.whole_orders else set()
        return [c for c in CONTRACTS[self.table].required if c not in {*self.columns, *made}]

    def options(self) -> dict[str, str]:
        """What the source file must say beside path and columns."""
        whole = {"one_row_is": "order"} if self.whole_orders else {}
        said = {
            "encoding": self.encoding,
            "decimal": self.decimal,
            "time_format": self.time_format,
            **whole,
        }
        return {key: value for key, value in said.items() if value not in ("", "utf-8", ".")}


def source(
    files: list[Path], name: str = "shop", *, folder: Path = Path()
) -> tuple[str, list[str]]:
    """A commented source file for these files, and what was guessed in words.

    Parameters
    ----------
    files : one or more exports (.csv, .csv.gz, .parquet, .xlsx); one of them must hold orders
    name : name of the source
    folder : where the source file will lie; paths in it are relative to that folder

    Returns
    -------
    (text of the YAML file, list of sentences)

    Raises
    ------
    TableError : a file cannot be read, or no file looks like orders.
    """
    guesses = [_file(file) for file in files]
    orders = [g for g in guesses if g.table == "orders"]
    if not orders or any(not g.table for g in guesses):
        raise TableError.of(
            "it cannot be told what these files hold, or none is an order log with columns for "
            "customer, order, product, time, quantity and amount (or unit price); rename the "
            "columns, or write the source file by hand:",
            _strange(guesses, known=bool(orders)),
        )
    if twice := [table for table, n in Counter(g.table for g in guesses).items() if n > 1]:
        raise TableError(
            f"more than one file looks like table {twice}: give one file a table, or a glob in the "
            "YAML"
        )
    derived = _derived(orders[0], {g.table for g in guesses})
    said = [sentence for g in guesses for sentence in _words(g)]
    said.append("currency and time zone are not in a file: fill them in where they matter")
    said += [f"{table}: made from the order lines ({', '.join(c)})" for table, c in derived.items()]
    return _yaml(name, guesses, derived, folder), said


def _strange(guesses: list[Guess], *, known: bool) -> list[str]:
    """The files that hold no table that is known; all of them where none holds orders."""
    found = []
    for guess in guesses:
        if not (known and guess.table):
            columns = ", ".join([*guess.columns.values(), *guess.unused])
            found.append(f"{guess.file.name}: columns {columns}")
    return found


def _file(file: Path) -> Guess:
    if not file.is_file():
        raise TableError(f"no file '{file}'")
    rows, encoding = _rows(file)
    if rows.empty:
        raise TableError(
            f"{file.name} has a header ({', '.join(rows.columns)}) but not one row of data"
        )
    table, columns = _table(list(rows.columns))
    guess = Guess(
        file, table, columns, [c for c in rows.columns if c not in columns.values()], encoding
    )
    if "time" in columns:
        guess.time_format = _time_format(rows[columns["time"]], guess)
    numbers = [columns[c] for c in ("unit_price", "amount", "price") if c in columns]
    if numbers and rows[numbers].apply(lambda c: c.str.fullmatch(r"-?[\d.]*,\d{1,4}").any()).any():
        guess.decimal = ","
    if table == "orders":
        guess.whole_orders = not {"order_id", "product_id"} & set(columns)
        guess.exclude = _codes(rows[columns["product_id"]]) if "product_id" in columns else []
    return guess


def _rows(file: Path, most: int = 1_000_000) -> tuple[pd.DataFrame, str]:
    """The first rows as text, and the encoding of the file."""
    if file.stat().st_size == 0:
        raise TableError(f"{file.name} is empty (0 bytes): export it again")
    if file.suffix.lower() in (".parquet", ".pq", ".xlsx"):
        return reading.typed(file, rows=most).astype("str"), "utf-8"
    encoding = _encoding(file)
    names, separator, _ = reading.header(
        file, TableSpec(name="orders", columns={}, encoding=encoding)
    )
    with reading.open_text(file, encoding) as text:
        rows = csv.reader(text, delimiter=separator)
        next(rows)
        try:
            read = [row for _, row in zip(range(most), rows, strict=False) if row]
        except (csv.Error, EOFError, OSError) as error:
            raise TableError(f"{file.name} cannot be read: {error}") from None
    kept = [row for row in read if len(row) == len(names)]
    if read and not kept:
        raise TableError(
            f"{file.name}: the header has {len(names)} columns, but the rows have {len(read[0])} "
            "fields"
        )
    return pd.DataFrame(kept, columns=names, dtype="str"), encoding


def _encoding(file: Path) -> str:
    start = reading.sample(file, 4_000_000)
    if start[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        start.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if error.start > len(start) - 4:  # a character cut by the end of the sample
            return "utf-8"
        return "cp1252" if re.search(rb"[\x80-\x9f]", start) else "latin-1"
    return "utf-8"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _match(headers: list[str], wanted: list[str]) -> dict[str, str]:
    """Kit name -> header, each header once, better known spellings first."""
    ranked = [
        (_SEEN[column].split().index(_plain(h)), column, h)
        for column in wanted
        if column in _SEEN
        for h in headers
        if _plain(h) in _SEEN[column].split()
    ]
    found: dict[str, str] = {}
    for _, column, header in sorted(ranked, key=lambda r: (r[0], wanted.index(r[1]))):
        if column not in found and header not in found.values():
            found[column] = header
    return {column: found[column] for column in wanted if column in found}


def _table(headers: list[str]) -> tuple[str, dict[str, str]]:
    """The table a file holds, told by its columns ("" where it cannot be told), and their kit
    names.
    """
    orders = _match(headers, [*CONTRACTS["orders"].columns, "unit_price"])
    if {"order_id", "time"} <= set(orders) or {"customer_id", "time", "amount"} <= set(orders):
        if "amount" in orders:
            orders.pop("unit_price", None)
        return "orders", orders
    found = {
        name: _match(headers, list(CONTRACTS[name].columns))
        for name in CONTRACTS
        if name != "orders"
    }
    whole = {
        name: c
        for name, c in found.items()
        if set(CONTRACTS[name].required) <= set(c) and len(c) > 1
    }
    best = max(
        whole, key=lambda name: (len(CONTRACTS[name].required), len(whole[name])), default=""
    )
    return best, whole.get(best, {})


def _time_format(values: pd.Series, guess: Guess) -> str:
    """The one format that reads all times; where day and month cannot be told apart, say so."""
    given = values[values.str.strip() != ""].drop_duplicates()
    if given.str.fullmatch(r".*\d(Z|[+-]\d\d:?\d\d)").any():
        guess.notes.append(
            "time: the times carry their zone and are read as UTC: set timezone {from: UTC, to: "
            "yours}"
        )
        return ""
    fits = [f for f in _FORMATS if _reads(given.head(100), f) and _reads(given, f)]
    if not fits:
        guess.notes.append(
            f"time: none of the usual formats fits {given.head(2).tolist()}: set time_format "
            "yourself"
        )
    elif len(fits) > 1 and {f[1] for f in fits} >= {"m", "d"}:
        guess.notes.append(
            f"time: day and month cannot be told apart in {given.head(1).tolist()}: check "
            "time_format"
        )
    return fits[0] if fits else ""


def _reads(times: pd.Series, form: str) -> bool:
    return bool(pd.to_datetime(times, format=form, errors="coerce").notna().all())


def _codes(products: pd.Series) -> list[str]:
    """Words among ids that have digits: postage, fees, adjustments, not products."""
    values = products.str.strip().value_counts()
    words = [value for value in values.index if _CODE.fullmatch(value)]
    with_digits = values[values.index.str.contains(r"\d")].sum()
    return sorted(words) if words and with_digits > 0.9 * values.sum() else []


def _derived(orders: Guess, present: set[str]) -> dict[str, dict[str, str]]:
    """Products and customers that the order lines carry along."""
    derived = {}
    for table, key in (("products", "product_id"), ("customers", "customer_id")):
        if table in present or key not in orders.columns:
            continue
        attributes = [c for c in CONTRACTS[table].columns if c != key and c != "price"]
        found = _match(orders.unused, attributes)
        if table == "products" and "unit_price" in orders.columns:
            found["price"] = orders.columns["unit_price"]
        if found:
            derived[table] = {key: orders.columns[key], **found}
            orders.unused = [c for c in orders.unused if c not in found.values()]
    return derived


def _words(g: Guess) -> list[str]:
    pairs = ", ".join(f"{ours} = {theirs}" for ours, theirs in g.columns.items())
    said = [f"{g.file.name}: table '{g.table}' ({pairs})"]
    if g.encoding != "utf-8":
        said.append(f"{g.file.name}: encoding {g.encoding}")
    if g.time_format:
        said.append(f"{g.file.name}: times like {g.time_format}")
    if g.whole_orders:
        said.append(
            f"{g.file.name}: no order and no product ids: each row is taken as a whole order"
        )
    if g.missing:
        said.append(f"{g.file.name}: NOT FOUND: {', '.join(g.missing)}: fill them in by hand")
    if g.unused:
        said.append(f"{g.file.name}: columns without a place: {', '.join(g.unused)}")
    if g.exclude:
        said.append(
            f"{g.file.name}: product codes that look like fees, proposed for exclusion: "
            f"{', '.join(g.exclude)}"
        )
    return said + [f"{g.file.name}: {note}" for note in g.notes]


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _yaml(name: str, guesses: list[Guess], derived: dict[str, dict[str, str]], folder: Path) -> str:
    orders = next(g for g in guesses if g.table == "orders")
    lines = [
        "# Source file of personalize: maps your columns (right) to the kit's names (left). "
        "Correct what is wrong,",
        f"# then: personalize check {name}.yml",
        f"name: {name}                       # reports go to reports/{name}/",
        'currency: ""                     # e.g. GBP',
        "# timezone: {from: UTC, to: Europe/London}   # only where the file's times are not the "
        "shop's own",
        "returns: net                     # net: money net of returns | drop: leave them out | "
        "keep: like any line",
        "# duplicates: drop               # where the same line was exported twice",
    ]
    if orders.exclude:
        codes = ", ".join(map(_quote, orders.exclude))
        lines.append(f"exclude: {{product_id: [{codes}]}}   # fees, not products: correct the list")
    lines.append("tables:")
    for g in guesses:
        lines += [f"  {g.table}:", f"    path: {_quote(os.path.relpath(g.file, folder))}"]
        lines += [f"    {key}: {_quote(value)}" for key, value in g.options().items()]
        lines += ["    columns:", *_columns(g)]
    for table, columns in derived.items():
        lines += [
            f"  {table}:",
            "    from: orders                 # one row each, the most frequent value",
        ]
        lines += [
            "    columns:",
            *(f"      {ours}: {_quote(theirs)}" for ours, theirs in columns.items()),
        ]
    lines += [
        "parameters: {}                   # e.g. {as_of: 2011-10-01, 03_association_rules: "
        "{min_support: 0.002}}"
    ]
    return "\n".join(lines) + "\n"


def _columns(g: Guess) -> list[str]:
    rows = [f"      {ours}: {_quote(theirs)}" for ours, theirs in g.columns.items()]
    for missing in g.missing:
        rows.append(
            f'      {missing}: ""                # NOT FOUND: '
            f"{CONTRACTS[g.table].columns[missing].help}"
        )
    if g.unused:
        rows.append(f"      # not used: {', '.join(g.unused)}")
    return rows
