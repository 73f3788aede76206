"""The command line: personalize init | check | report | lab | new | sources | simulate | verify.

Exit codes: 0 done, 1 a notebook or a verification failed, 2 wrong input or usage, 130 interrupted.
"""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from personalize import __version__
from personalize.tables import TableError

Given = argparse.Namespace
SOURCE = "a built-in source or a source file"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = _parser()
    given = parser.parse_args(arguments)
    if "run" not in given:
        parser.print_help()
        return 0
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


def _say(text: str, stream: Any = None) -> None:
    stream = stream or sys.stdout
    stream.write(f"{text}\n")
    stream.flush()


def _parser() -> argparse.ArgumentParser:
    import shtab

    parser = argparse.ArgumentParser(
        prog="personalize",
        description="From an order log to personalised-marketing reports.",
        epilog="Begin with: personalize report   or, for your own orders: personalize init FILE",
    )
    parser.add_argument("--version", action="version", version=f"personalize {__version__}")
    shtab.add_argument_to(parser, "--print-completion", help="print the completion of a shell")
    commands = parser.add_subparsers(metavar="COMMAND")
    _init_options(
        _command(commands, "init", _init, "write a source file for your exports, columns guessed")
    )
    check = _command(commands, "check", _check, "read a source, check it, list what was cleaned")
    _source(check, default=None)
    report = _command(
        commands, "report", _report, "run the notebooks on a source and write the reports"
    )
    _run_options(report)
    _report_options(report)
    _run_options(
        _command(commands, "verify", _verify, "make the reports again and compare every byte")
    )
    lab = _command(commands, "lab", _lab, "explore copies of the notebooks in JupyterLab")
    _source(lab, default="")
    _notebook_options(lab)
    lab.add_argument("--no-browser", action="store_true", help="start the server only")
    new = _command(commands, "new", _new, "make a folder with notebooks, Makefile and source file")
    new.add_argument("folder", type=Path, metavar="FOLDER", help="a new or empty folder")
    _command(commands, "sources", _sources, "list the built-in sources and their terms")
    _simulate_options(
        _command(commands, "simulate", _simulate, "write an order log of any size, and its source")
    )
    return parser


def _command(
    commands: Any, name: str, run: Callable[[Given], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
    parser.set_defaults(run=run)
    return parser


def _completed_by_files(action: Any) -> None:
    import shtab

    action.complete = shtab.FILE


def _source(parser: argparse.ArgumentParser, default: str | None) -> None:
    shown = f"{SOURCE} (default: %(default)s)" if default else SOURCE
    many = None if default is None else "?"
    _completed_by_files(parser.add_argument("source", nargs=many, default=default, help=shown))


def _init_options(parser: argparse.ArgumentParser) -> None:
    _completed_by_files(
        parser.add_argument(
            "files",
            nargs="+",
            type=Path,
            metavar="FILE",
            help="order log and, if any, other tables",
        )
    )
    parser.add_argument("--name", default="shop", help="name of the source (default: %(default)s)")
    parser.add_argument(
        "--out",
        type=Path,
        help="file to write (default: NAME.yml); an existing one is not replaced",
    )


def _notebook_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--only", default="", metavar="03,05", help="notebooks, by number or name")
    parser.add_argument(
        "-p",
        "--parameter",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="set a parameter of every notebook that has it, such as theta=1.5, or of one, such as "
        "03.level=category (repeat as needed; see report --list)",
    )
    parser.add_argument(
        "--notebooks",
        type=Path,
        metavar="DIR",
        help="folder of the notebooks (default: ./notebooks, else those of the package)",
    )


def _run_options(parser: argparse.ArgumentParser) -> None:
    _source(parser, default="complete_journey")
    _notebook_options(parser)
    parser.add_argument(
        "--jobs", type=int, default=2, help="notebooks at a time (default: %(default)s)"
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the reports (default: ./reports)"
    )
    loud = parser.add_mutually_exclusive_group()
    loud.add_argument("-q", "--quiet", action="store_true", help="say only what failed")
    loud.add_argument("-v", "--verbose", action="store_true", help="say also what goes in")


def _report_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="run even what is unchanged")
    parser.add_argument(
        "--list", action="store_true", help="list the notebooks and their parameters, run nothing"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would run, and why; run nothing"
    )
    parser.add_argument("--open", action="store_true", help="open the reports when they are there")


def _simulate_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lines",
        type=_whole,
        default=10_000_000,
        metavar="N",
        help="order lines, such as 1e7 (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="folder to write; new or empty"
    )
    parser.add_argument(
        "--seed",
        type=_whole,
        default=1,
        metavar="N",
        help="equal seeds give equal bytes (default: 1)",
    )


def _init(given: Given) -> int:
    from personalize.sources import guess, spec

    if not spec.plain_word(given.name):
        raise TableError(
            f"--name {given.name!r}: take a short lower-case word (a-z, 0-9, _); it names the "
            "report folder"
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


def _check(given: Given) -> int:
    from personalize import sources
    from personalize.report import reading

    with reading(_say):
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
            then = f" ({row.consequence})" if row.consequence else ""
            _say(f"    {row.rows:>12,}  {row.step}: {row.reason}{then}")
    _say(f"fine. Next: personalize report {given.source}")
    return 0


def _asked(given: Given) -> dict[str, Any]:
    """What report and verify have in common, as their functions take it."""
    return {
        "only": given.only,
        "parameters": _pairs(given.parameter),
        "out": given.out,
        "notebooks": given.notebooks,
    }


def _silent(text: str) -> None:
    """Say nothing."""


def _report(given: Given) -> int:
    from personalize import report

    if given.list:
        for notebook in report.notebooks(given.notebooks):
            _say(f"{notebook.name}: {notebook.question or notebook.title}")
            for parameter in notebook.parameters.values():
                _say(f"    {parameter}")
        return 0
    if given.dry_run or given.verbose:
        plan = report.Plan(given.source, **_asked(given))
        with report.reading(_say):
            plan.check()
        for row in plan.due(given.force).itertuples():
            _say(
                f"{row.notebook}: {row.reason or 'unchanged'}; "
                f"{row.parameters or 'no parameter set'}"
            )
        if given.dry_run:
            return 0
    made = report.run(
        given.source,
        jobs=given.jobs,
        force=given.force,
        progress=_silent if given.quiet else _say,
        **_asked(given),
    )
    _failures(made, given)
    if given.open:
        import webbrowser

        webbrowser.open(made.page.resolve().as_uri())
    return made.status


def _failures(made: Any, given: Given) -> None:
    """Where nothing is said, say at least what failed."""
    if given.quiet:
        for outcome in made.outcomes:
            if outcome.state == "failed":
                _say(f"{outcome.name} failed {outcome.error}", sys.stderr)


def _verify(given: Given) -> int:
    from personalize import report

    made = report.verify(
        given.source,
        jobs=given.jobs,
        progress=_silent if given.quiet else _say,
        **_asked(given),
    )
    _failures(made, given)
    return made.status


def _lab(given: Given) -> int:
    from personalize.report import lab

    folder, kept = lab.copies(
        given.source or None,
        only=given.only,
        parameters=_pairs(given.parameter),
        notebooks=given.notebooks,
    )
    _say(f"copies to explore on are in {folder}; what you change there changes no notebook")
    if kept:
        _say(f"kept as you left them: {', '.join(kept)}; delete one to get it anew")
    lab.open_jupyter(folder, ["--no-browser"] if given.no_browser else [])
    return 0


def _new(given: Given) -> int:
    from personalize.report import workspace

    for name in workspace.new(given.folder):
        _say(f"  {name}")
    _say(
        f"Next: cd {given.folder}, then personalize init YOUR_ORDERS.csv --name ours, or "
        "personalize report"
    )
    return 0


def _sources(given: Given) -> int:
    from personalize import sources

    for name in sources.names():
        spec = sources.read(name)
        _say(f"{name}: {spec.title}\n    {spec.description}\n    Terms: {spec.terms}")
    return 0


def _simulate(given: Given) -> int:
    from personalize.simulate import large

    source = large(
        given.out, lines=given.lines, seed=given.seed, progress=lambda text: _say(f"  {text}")
    )
    _say(f"wrote {source}. Next: personalize check {source}")
    return 0


def _whole(text: str) -> int:
    """The whole number that the text says, 1e7 included."""
    try:
        number = float(text)
        whole = int(text) if text.isdecimal() else int(number)
    except (ValueError, OverflowError):
        whole, number = 0, 0.5
    if whole != number and not text.isdecimal():
        raise argparse.ArgumentTypeError(
            f"{text!r} is no whole number: write it as 10000000 or 1e7"
        )
    return whole


def _pairs(given: list[str]) -> dict[str, str]:
    pairs = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals:
            raise TableError(f"-p takes NAME=VALUE, not {text!r}")
        pairs[name] = value
    return pairs


if __name__ == "__main__":
    sys.exit(main())
