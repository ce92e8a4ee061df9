"""`stresstest diff`: what changed between two runs, and what of their inputs changed it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stresstest.cli.options import Debug, Json, LogFile, Quiet, Threads, Verbose


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: stresstest diff runs/thursday runs/friday --html changes.html", short_help="Show what changed between two runs.")(
        diff
    )


def diff(
    run1: Annotated[Path, typer.Argument(help="Result folder of the earlier run.", metavar="RUN1")],
    run2: Annotated[Path, typer.Argument(help="Result folder of the later run.", metavar="RUN2")],
    html: Annotated[Path | None, typer.Option("--html", help="Also write the page of changes as this HTML file.")] = None,
    snapshot1: Annotated[
        str | None, typer.Option("--snapshot1", metavar="DIR", help="Where the snapshot of RUN1 is now; default: where the run read it.")
    ] = None,
    snapshot2: Annotated[str | None, typer.Option("--snapshot2", metavar="DIR", help="The same of RUN2.")] = None,
    no_chain: Annotated[bool, typer.Option("--no-chain", help="Compute nothing again: split by what the stored hashes of inputs can say.")] = False,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Show what changed from one run to another: headline figures, breaches, accounts.

    Each figure's change is split into code version, positions, collateral, market, reference data, scenario set and margin parameters, by
    exchanging these inputs one after the other and computing again. Where a snapshot is not at hand, it is what the stored hashes can say.
    """
    del debug
    from stresstest.cli.narration import narration
    from stresstest.cli.run import use_threads

    with narration("diff", quiet, verbose, log_file) as narrator:
        use_threads(threads)
        from stresstest.cli.diff_view import diff_text
        from stresstest.cli.output import print_document
        from stresstest.runs.difference.diffing import diff as difference_between

        found = difference_between(run1, run2, snapshot1=snapshot1, snapshot2=snapshot2, chain=not no_chain, threads=threads, console=narrator)
        if html is not None:
            found.write_html(html)
        narrator.figures = {"result_ids": [each.result_id for each in (found.changes.before, found.changes.after) if each is not None]}
        if as_json:
            accounts = found.accounts.to_dicts()
            written = None if html is None else str(html.absolute())
            print_document("diff", {**found.changes.model_dump(mode="json"), "changed_accounts": accounts, "html": written})
        else:
            print(diff_text(found), end="")
