"""A first source file for somebody's own export: guess what can be guessed, name what cannot."""

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from personalize.sources import reading
from personalize.sources.spec import TableSpec
from personalize.tables import CONTRACTS, TableError

# Names seen in shop exports, in plain form (lower case, letters and digits only), most telling first.
_SEEN = {
    "customer_id": "customerid customer custid clientid client userid user memberid member householdid household "
                   "buyerid buyer shopperid accountid visitorid kunde kundennr",
    "order_id": "orderid orderno ordernumber order invoiceno invoiceid invoice invoicenumber basketid basket "
                "transactionid transaction transactionno receiptid receipt receiptno billno saleid bestellung",
    "product_id": "productid product stockcode sku skuid itemid item articleid article articleno artikel upc ean asin "
                  "variantid materialid",
    "time": "time timestamp datetime invoicedate orderdate date purchasedate transactiontimestamp transactiondate "
            "orderdatetime createdat orderpurchasetimestamp day datum",
    "quantity": "quantity qty units unitssold pieces count amountofitems numberofitems cds menge",
    "unit_price": "unitprice price itemprice priceperunit salesprice preis",
    "amount": "amount salesvalue linetotal total totalprice revenue sales netsales linerevenue value spend turnover "
              "subtotal dollarvalue umsatz",
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
    "age": "age", "age_band": "ageband agegroup", "gender": "gender sex", "income": "income",
    "household_size": "householdsize", "other_id": "friendid otherid followedid", "rating": "rating stars score",
    "event": "event eventtype action", "session_id": "sessionid session", "page_id": "pageid page url",
    "question": "question", "score": "score answer", "campaign_id": "campaignid campaign", "offer_id": "offerid offer",
    "kind": "kind", "weight": "weight", "arm": "arm group variant",
}  # fmt: skip
_FORMATS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%d-%m-%Y %H:%M",
    "%d-%m-%Y", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%Y%m%d", "%m/%d/%y %H:%M", "%d/%m/%y %H:%M", "%d-%b-%Y", "%d %b %Y",
)  # fmt: skip
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
    decimal: str = "."
    exclude: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def source(files: list[Path], name: str = "shop") -> tuple[str, list[str]]:
    """A commented source file for these files, and what was guessed in words.

    Parameters
    ----------
    files : one or more exports (.csv, .csv.gz, .parquet, .xlsx); one of them must hold orders
    name : name of the source

    Returns
    -------
    (text of the YAML file, list of sentences)

    Raises
    ------
    TableError : a file cannot be read, or no file looks like orders.
    """
    guesses = [_file(file) for file in files]
    orders = [g for g in guesses if g.table == "orders"]
    if not orders:
        raise TableError.of(
            "no file looks like an order log (customer, order, product, time, quantity, amount or unit price):",
            [f"{g.file.name}: columns {', '.join([*g.columns.values(), *g.unused])}" for g in guesses],
        )
    if twice := [table for table, n in Counter(g.table for g in guesses).items() if n > 1]:
        raise TableError(f"more than one file looks like table {twice}: give one file a table, or a glob in the YAML")
    derived = _derived(orders[0], {g.table for g in guesses})
    said = [sentence for g in guesses for sentence in _words(g)]
    said += [f"{table}: made from the order lines ({', '.join(c)})" for table, c in derived.items()]
    return _yaml(name, guesses, derived), said


def _file(file: Path) -> Guess:
    if not file.is_file():
        raise TableError(f"no file '{file}'")
    rows, encoding = _rows(file)
    if rows.empty:
        raise TableError(f"{file.name} has a header ({', '.join(rows.columns)}) but not one row of data")
    table, columns = _table(list(rows.columns))
    guess = Guess(file, table, columns, [c for c in rows.columns if c not in columns.values()], encoding)
    if "time" in columns:
        guess.time_format = _time_format(rows[columns["time"]], guess)
    numbers = [columns[c] for c in ("unit_price", "amount", "price") if c in columns]
    if numbers and rows[numbers].apply(lambda c: c.str.fullmatch(r"-?[\d.]*,\d{1,4}").any()).any():
        guess.decimal = ","
    if table == "orders":
        guess.exclude = _codes(rows[columns["product_id"]]) if "product_id" in columns else []
    return guess


def _rows(file: Path, most: int = 20_000) -> tuple[pd.DataFrame, str]:
    """The first rows as text, and the encoding of the file."""
    if file.stat().st_size == 0:
        raise TableError(f"{file.name} is empty (0 bytes): export it again")
    if file.suffix.lower() in (".parquet", ".pq", ".xlsx"):
        frame = pd.read_excel(file, nrows=most) if file.suffix.lower() == ".xlsx" else pd.read_parquet(file)
        return frame.head(most).astype("str"), "utf-8"
    encoding = _encoding(file)
    names, separator = reading.header(file, TableSpec("orders", {}, encoding=encoding))
    with reading.open_text(file, encoding) as text:
        rows = csv.reader(text, delimiter=separator)
        next(rows)
        try:
            kept = [row for _, row in zip(range(most), rows, strict=False) if len(row) == len(names)]
        except (csv.Error, EOFError, OSError) as error:
            raise TableError(f"{file.name} cannot be read: {error}") from None
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
        for column in wanted if column in _SEEN for h in headers if _plain(h) in _SEEN[column].split()
    ]  # fmt: skip
    found: dict[str, str] = {}
    for _, column, header in sorted(ranked, key=lambda r: (r[0], wanted.index(r[1]))):
        if column not in found and header not in found.values():
            found[column] = header
    return found


def _table(headers: list[str]) -> tuple[str, dict[str, str]]:
    """The table whose required columns fit best; orders win a tie."""
    best, columns, score = "", {}, (-1.0, 0)
    for table, contract in CONTRACTS.items():
        wanted = [*contract.columns, *(["unit_price"] if table == "orders" else [])]
        found = _match(headers, wanted)
        if table == "orders" and "amount" in found:
            found.pop("unit_price", None)
        needed = [c for c in contract.required if not (c == "amount" and "unit_price" in found)]
        this = (sum(c in found for c in needed) / len(needed), len(found))
        if this > score:
            best, columns, score = table, found, this
    return best, columns


def _time_format(values: pd.Series, guess: Guess) -> str:
    """The one format that reads all times; where day and month cannot be told apart, say so."""
    given = values[values.str.strip() != ""].drop_duplicates()
    fits = [f for f in _FORMATS if pd.to_datetime(given, format=f, errors="coerce").notna().all()]
    if not fits:
        guess.notes.append(f"time: none of the usual formats fits {given.head(2).tolist()}: set time_format yourself")
    elif len(fits) > 1 and {f[1] for f in fits} >= {"m", "d"}:
        guess.notes.append(f"time: day and month cannot be told apart in {given.head(1).tolist()}: check time_format")
    return fits[0] if fits else ""


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
    needed = [c for c in CONTRACTS[g.table].required if c not in g.columns]
    if missing := [c for c in needed if not (c == "amount" and "unit_price" in g.columns)]:
        said.append(f"{g.file.name}: NOT FOUND: {', '.join(missing)}: fill them in by hand")
    if g.unused:
        said.append(f"{g.file.name}: columns without a place: {', '.join(g.unused)}")
    if g.exclude:
        said.append(f"{g.file.name}: product codes that look like fees, proposed for exclusion: {', '.join(g.exclude)}")
    return said + [f"{g.file.name}: {note}" for note in g.notes]


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _yaml(name: str, guesses: list[Guess], derived: dict[str, dict[str, str]]) -> str:
    orders = next(g for g in guesses if g.table == "orders")
    lines = [
        "# Source file of personalize: maps your columns (right) to the kit's names (left). Correct what is wrong,",
        f"# then: personalize check {name}.yml",
        f"name: {name}                       # reports go to reports/{name}/",
        'currency: ""                     # e.g. GBP',
        "# timezone: {from: UTC, to: Europe/London}   # only where the file's times are not the shop's own",
        "returns: net                     # net: money net of returns | drop: leave them out | keep: like any line",
        "# duplicates: drop               # where the same line was exported twice",
    ]
    if orders.exclude:
        codes = ", ".join(map(_quote, orders.exclude))
        lines.append(f"exclude: {{product_id: [{codes}]}}   # fees, not products: correct the list")
    lines.append("tables:")
    for g in guesses:
        lines += [f"  {g.table}:", f"    path: {_quote(str(g.file))}"]
        lines += [f"    {key}: {_quote(value)}" for key, value in
                  (("encoding", g.encoding), ("decimal", g.decimal), ("time_format", g.time_format))
                  if value not in ("", "utf-8", ".")]  # fmt: skip
        lines += ["    columns:", *_columns(g)]
    for table, columns in derived.items():
        lines += [f"  {table}:", "    from: orders                 # one row each, the most frequent value"]
        lines += ["    columns:", *(f"      {ours}: {_quote(theirs)}" for ours, theirs in columns.items())]
    lines += ["parameters: {}                   # e.g. {as_of: 2011-10-01, 03_association_rules: {min_support: 0.002}}"]
    return "\n".join(lines) + "\n"


def _columns(g: Guess) -> list[str]:
    rows = [f"      {ours}: {_quote(theirs)}" for ours, theirs in g.columns.items()]
    for missing in (c for c in CONTRACTS[g.table].required if c not in g.columns):
        if not (missing == "amount" and "unit_price" in g.columns):
            rows.append(f'      {missing}: ""                # NOT FOUND: {CONTRACTS[g.table].columns[missing].help}')
    if g.unused:
        rows.append(f"      # not used: {', '.join(g.unused)}")
    return rows
