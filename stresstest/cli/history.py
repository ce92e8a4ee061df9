"""`stresstest history`: the runs of a book over time, and SQL over them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from stresstest.cli.options import Debug, Json, Quiet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stresstest.errors import Fault

Days = Annotated[str, typer.Option("--days", help="Windows in calendar days, with commas between.")]


class _ShowUnlessAdd(TyperGroup):
    """`history FOLDER` is `history show FOLDER`: what is asked nearly always needs no word of its own."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["show", *args]
        return super().parse_args(ctx, args)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    group = typer.Typer(
        cls=_ShowUnlessAdd,
        help="The runs of a book over time: peaks, means, disclosure counters, SQL. `history FOLDER` is `history show FOLDER`.",
        no_args_is_help=True,
        rich_markup_mode=None,
        epilog="Example: stresstest history sample_data/history",
    )
    group.command("show", epilog="Example: stresstest history show sample_data/history --days 30,90,250", short_help="Show runs, peaks and means.")(
        show
    )
    group.command("add", epilog="Example: stresstest history add runs/demo --history history", short_help="Add finished runs to a history.")(add)
    app.add_typer(group, name="history", short_help="Show the runs of a book over time, or add runs to them.")


def show(
    where: Annotated[Path, typer.Argument(help="History folder, or a run file that names one.", metavar="FOLDER|RUN.yaml")],
    book: Annotated[str | None, typer.Option("--book", help="This book alone; default: of a folder all, of a run file its own.")] = None,
    days: Days = "30,90,250",
    sql: Annotated[str | None, typer.Option("--sql", help="One SELECT over the tables runs, scenario_summary and limits, read-only.")] = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Runs, peaks and means over windows of days, and public-disclosure counters of each book.

    Of each moment one run counts, of several of one specification the one that
    ended last.
    """
    del debug
    from stresstest.cli.history_view import histories_text, rows_text
    from stresstest.cli.output import print_document
    from stresstest.results.history import read_runs
    from stresstest.results.history_statistics import book_histories

    windows = _windows(days)
    folder, own = _place(where)
    found = read_runs(folder)
    runs = found.table if (wanted := book or own) is None else _of_book(found.table, wanted, folder)
    if sql is not None:
        columns, rows, faults = _selected(sql, folder, runs)
        faults = (*found.faults, *faults)
        if as_json:
            print_document("history query", {"history": str(folder), "columns": columns, "rows": rows, "left_out": _left_out(faults)})
        else:
            print(rows_text(columns, rows))
    else:
        faults, books = found.faults, book_histories(runs, windows)
        if as_json:
            content = [each.model_dump(mode="json") for each in books]
            print_document("history", {"history": str(folder), "books": content, "left_out": _left_out(faults)})
        else:
            print(histories_text(folder, books))
    _warn(faults, quiet)


def add(
    runs: Annotated[list[Path], typer.Argument(help="Result folders of finished runs.", metavar="RUN...")],
    history: Annotated[Path, typer.Option("--history", envvar="STRESSTEST_HISTORY", help="History folder; made where it is missing.")],
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Add finished runs to a history: those of before there was one, or that could not be added when they ended."""
    del debug
    from stresstest.cli.output import print_document, printable
    from stresstest.results.history import add as add_run
    from stresstest.results.integrity import intact

    for run in runs:
        intact(run)  # all of them, before the first is added
    added = [add_run(run, history) for run in runs]
    if as_json:
        content = [{"folder": str(each.folder), **{key: each.figures[key] for key in ("book", "as_of", "finished", "result_id")}} for each in added]
        print_document("history added", {"history": str(history.absolute()), "runs": [_plain(each) for each in content]})
    elif not quiet:
        for each in added:
            print(printable(f"added {each.folder}: {each.book}, {each.as_of:%Y-%m-%d %H:%M} UTC, result {each.result_id[:12]}"))


def _windows(text: str) -> tuple[int, ...]:
    words = [each.strip() for each in text.split(",") if each.strip()]
    if not words or not all(each.isdecimal() and 0 < int(each) <= 36_525 for each in words):
        raise typer.BadParameter(
            f"must be whole numbers of days, with commas between, not {text!r}. For example: --days 30,90,250.", param_hint="--days"
        )
    return tuple(dict.fromkeys(map(int, words)))


def _place(where: Path) -> tuple[Path, str | None]:
    """The history folder that is meant, and the book of a run file."""
    from stresstest.cli.settings import load
    from stresstest.errors import Fault, Reason, StressTestError
    from stresstest.results.manifest import NAME as MANIFEST
    from stresstest.runs.planning import book_of
    from stresstest.tables import RUNS

    if where.is_dir() or not where.exists():
        if (where / RUNS.name).is_dir():
            return where.absolute(), None
        if (where / MANIFEST).is_file():
            fault = Fault("is the result folder of a run", f"Add it to a history: stresstest history add {where} --history FOLDER.", file=str(where))
        else:
            fault = Fault("holds no runs", "Give the folder that `history` of a run file names, or that run file.", file=str(where))
        raise StressTestError(Reason.USAGE, "this is no history", [fault])
    settings = load(where, {})
    if settings.history is None:
        fault = Fault("names no history", "Set `history: FOLDER` in it, or give the history folder itself.", file=str(where), path="history")
        raise StressTestError(Reason.USAGE, "there is no history", [fault])
    if not (Path(settings.history) / RUNS.name).is_dir():
        fault = Fault("holds no runs yet", "The first run of this run file makes it.", file=settings.history)
        raise StressTestError(Reason.USAGE, "there is no history", [fault])
    return Path(settings.history), book_of(settings)


def _of_book(runs: Any, book: str, folder: Path) -> Any:
    import polars as pl

    from stresstest.documents import suggest
    from stresstest.errors import Fault, Reason, StressTestError

    chosen = runs.filter(pl.col("book") == book)
    if chosen.is_empty():
        fault = Fault(f"has no run of the book {book!r}", suggest(book, runs["book"].unique().sort().to_list(), "Books"), file=str(folder))
        raise StressTestError(Reason.USAGE, "there is no such book", [fault])
    return chosen


def _selected(sql: str, folder: Path, runs: Any) -> tuple[list[str], list[list[Any]], Sequence[Fault]]:
    """Columns and rows of a SELECT; a table that its text does not name is not read for it."""
    from stresstest.errors import Fault
    from stresstest.results.history import read_kept
    from stresstest.results.read_only_sql import select
    from stresstest.results.store import empty
    from stresstest.tables import KEPT_TABLES, RUNS, with_run_key

    tables, faults = {RUNS.name: runs}, list[Fault]()
    for table in KEPT_TABLES:
        if table.name in sql.lower():
            kept = read_kept(folder, table, runs)
            tables[table.name] = kept.table
            faults += kept.faults
        else:
            tables[table.name] = empty(with_run_key(table))
    frame = select(sql, tables)
    return frame.columns, [[_plain(value) for value in row] for row in frame.iter_rows()], faults


def _plain(value: Any) -> Any:
    """A value as JSON has it: moments in ISO 8601, what is not finite in words, decimals as numbers."""
    import datetime
    import decimal
    import math

    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _left_out(faults: Sequence[Fault]) -> list[dict[str, Any]]:
    return [{"what": each.what, "hint": each.hint, "file": each.file, "table": each.table} for each in faults]


def _warn(faults: Sequence[Fault], quiet: bool) -> None:
    from stresstest.cli.output import printable

    if not quiet:
        for fault in faults:
            print(f"warning: left out: {printable(fault.text())}", file=sys.stderr)
