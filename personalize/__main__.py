"""The command line: personalize init | check | report | simulate | sources | verify.

Exit codes: 0 done, 1 a notebook or a verification failed, 2 wrong input or usage.
"""

import argparse
import os
import sys
from pathlib import Path

from personalize import __version__
from personalize.tables import TableError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    given = _parser().parse_args(arguments)
    try:
        return given.run(given)
    except TableError as error:
        _say(f"personalize: {error}", sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read the output has left, as 'head' does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        _say("personalize: stopped; what was finished before is intact", sys.stderr)
        return 130


def _say(text: str, stream=None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="personalize", description="From an order log to personalised-marketing reports."
    )
    parser.add_argument("--version", action="version", version=f"personalize {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = _command(
        commands, "init", _init, "write a source file for your own exports, with columns guessed"
    )
    init.add_argument(
        "files", nargs="+", type=Path, metavar="FILE", help="order log and, if any, other tables"
    )
    init.add_argument("--name", default="shop", help="name of the source (default: %(default)s)")
    init.add_argument(
        "--out",
        type=Path,
        help="file to write (default: NAME.yml); an existing one is not replaced",
    )
    check = _command(commands, "check", _check, "read a source, check it, list what was cleaned")
    check.add_argument("source", help="a built-in source or a source file")
    report = _command(
        commands, "report", _report, "run the notebooks on a source and write the reports"
    )
    _run_options(report)
    report.add_argument("--force", action="store_true", help="run even what is unchanged")
    verify = _command(
        commands, "verify", _verify, "rebuild the reports elsewhere and compare every byte"
    )
    _run_options(verify)
    _command(commands, "sources", _sources, "list the built-in sources and their terms")
    simulate = _command(
        commands, "simulate", _simulate, "write an order log of any size, with a source file for it"
    )
    simulate.add_argument(
        "--lines",
        type=_whole,
        default=10_000_000,
        metavar="N",
        help="order lines, such as 1e7 (default: %(default)s)",
    )
    simulate.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write; new or empty"
    )
    simulate.add_argument(
        "--seed",
        type=_whole,
        default=1,
        metavar="N",
        help="equal seeds give equal bytes (default: 1)",
    )
    return parser


def _command(commands, name: str, run, text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
    parser.set_defaults(run=run)
    return parser


def _run_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "source",
        nargs="?",
        default="complete_journey",
        help="a built-in source or a source file (default: %(default)s)",
    )
    parser.add_argument(
        "--only", default="", metavar="03,05", help="notebooks to run, by number or name"
    )
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a notebook parameter (repeat as needed)",
    )
    parser.add_argument(
        "--jobs", type=int, default=2, help="notebooks at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, help="folder of the reports (default: reports/ of the checkout)"
    )


def _init(given: argparse.Namespace) -> int:
    from personalize.sources import guess, spec

    if not spec.plain_word(given.name):
        raise TableError(
            f"--name {given.name!r}: take a short lower-case word (a-z, 0-9, _); it names the report folder"
        )
    out = given.out or Path(f"{given.name}.yml")
    if out.exists():
        raise TableError(f"{out} exists already: remove it, or choose another file with --out")
    if not out.parent.is_dir():
        raise TableError(f"--out {out}: there is no folder {out.parent}; make it first")
    text, said = guess.source(given.files, given.name, folder=out.parent)
    out.write_text(text, encoding="utf-8")
    for sentence in said:
        _say(f"  {sentence}")
    _say(f"wrote {out}. Look at it, then: personalize check {out}")
    return 0


def _check(given: argparse.Namespace) -> int:
    from personalize import sources

    sources.prepare(given.source)  # asks databases again
    tables = sources.load(given.source)
    span = f"{tables.start:%Y-%m-%d} to {tables.end:%Y-%m-%d}"
    counts = tables.sql(
        "select count(*) as orders, count(distinct customer_id) as customers from {order_totals}"
    )
    _say(f"{tables.name}: {counts.orders[0]:,} orders by {counts.customers[0]:,} customers, {span}")
    for table, rows in tables.log.groupby("table", sort=False):
        _say(f"  {table}")
        for row in rows.itertuples():
            _say(
                f"    {row.rows:>12,}  {row.step}: {row.reason}{f' ({row.consequence})' if row.consequence else ''}"
            )
    _say(f"fine. Next: personalize report {given.source}")
    return 0


def _report(given: argparse.Namespace) -> int:
    from personalize import report

    return report.run(
        given.source,
        only=given.only,
        parameters=_pairs(given.parameter),
        jobs=given.jobs,
        out=given.out,
        force=given.force,
        progress=_say,
    ).status


def _verify(given: argparse.Namespace) -> int:
    from personalize import report

    return report.verify(
        given.source,
        only=given.only,
        parameters=_pairs(given.parameter),
        jobs=given.jobs,
        out=given.out,
        progress=_say,
    ).status


def _sources(given: argparse.Namespace) -> int:
    from personalize import sources

    for name in sources.names():
        spec = sources.read(name)
        _say(f"{name}: {spec.title}\n    {spec.description}\n    Terms: {spec.terms}")
    return 0


def _simulate(given: argparse.Namespace) -> int:
    from personalize.simulate import large

    source = large(
        given.out, lines=given.lines, seed=given.seed, progress=lambda text: _say(f"  {text}")
    )
    _say(f"wrote {source}. Next: personalize check {source}")
    return 0


def _whole(text: str) -> int:
    """The whole number that the text says, 1e7 included."""
    try:
        return int(text) if text.isdecimal() else _exactly(float(text))
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f"{text!r} is no whole number: write it as 10000000 or 1e7"
        ) from None


def _exactly(number: float) -> int:
    if number != int(number):
        raise ValueError(number)
    return int(number)


def _pairs(given: list[str]) -> dict[str, str]:
    if wrong := [text for text in given if "=" not in text]:
        raise TableError(f"-p takes NAME=VALUE, not {wrong}")
    return dict(text.split("=", 1) for text in given)


if __name__ == "__main__":
    sys.exit(main())
