"""`stresstest reverse`: how far scenarios or factors must go until a target is hit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from stresstest.cli.completion import complete_scenario
from stresstest.cli.options import Debug, Json, LogFile, Quiet, Sets, Snapshot, Threads, Verbose

CLOSELY = 1e-9


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog="Example: stresstest reverse sample_data/run.yaml --target cover-2 --out found.yaml",
        short_help="Find the smallest shock at which a target is hit.",
    )(reverse)


def reverse(
    given: Annotated[Path, typer.Argument(help="A run file, or the folder of a finished run.", metavar="RUN.yaml|RUN")],
    target: Annotated[
        str | None,
        typer.Option(
            "--target",
            help="shortfall:ACCOUNT, default:ACCOUNT, accounts-in-shortfall:NUMBER, accounts-in-default:NUMBER, cover-1 or cover-2 (above the "
            "resources), uncollateralised-loss (above the insurance fund); the last three with :AMOUNT for another amount.",
        ),
    ] = None,
    frontier: Annotated[
        bool, typer.Option("--frontier", help="Instead of a target: which multiples and how many defaults exhaust the resources.")
    ] = False,
    multiples: Annotated[
        str | None, typer.Option("--multiples", metavar="FIRST:LAST:NUMBER", help="Where --frontier lists losses; default: 0.5:5:10.")
    ] = None,
    grid: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--grid",
            metavar="AXIS AXIS",
            help="Two things at once: in which cells the target is hit, and from where on. FACTOR=FIRST:LAST:NUMBER, of shifts "
            "(spot:BTC=-0.5:0.5:21 vol:BTC=-0.3:1:14), or SCENARIO=FIRST:LAST:NUMBER, of multiples.",
        ),
    ] = None,
    along: Annotated[
        list[str] | None,
        typer.Option(
            "--along",
            autocompletion=complete_scenario,
            help="A scenario, or a factor: spot:BTC, spot:BTC:up, spot:BTC:down; may be given several times. Default: every headline scenario.",
        ),
    ] = None,
    most: Annotated[
        float | None,
        typer.Option(
            "--most", help="How far to look; default: 5 multiples of a scenario, -1 and +4 (-100 %, +400 %) of a factor, 10 standard deviations."
        ),
    ] = None,
    tolerance: Annotated[float, typer.Option("--tolerance", help="How closely the answer is found, relative.")] = CLOSELY,
    plausible: Annotated[
        bool, typer.Option("--plausible", help="In any direction: the likeliest move, the least far out by the covariance of the snapshot's history.")
    ] = False,
    worst_loss: Annotated[
        float | None,
        typer.Option(
            "--worst-loss", metavar="K", help="The worst of a target's figure within K standard deviations; default: uncollateralised-loss."
        ),
    ] = None,
    covariance_days: Annotated[int, typer.Option("--covariance-days", min=2, help="Days of history that the covariance is of.")] = 500,
    shrinkage: Annotated[
        Literal["none", "ledoit_wolf", "clip"], typer.Option("--shrinkage", help="How correlations are made steady.")
    ] = "ledoit_wolf",
    returns: Annotated[
        Literal["log", "relative"],
        typer.Option("--returns", help="How moves of prices are measured; in relative moves spots and futures are linear."),
    ] = "log",
    horizon_days: Annotated[float, typer.Option("--horizon-days", help="Calendar days that the move takes.")] = 1.0,
    factors: Annotated[
        str | None, typer.Option("--factors", metavar="A,B,C", help="Factors of the history that may move, with commas between; default: all.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write the scenarios found as an ordinary scenario file: .yaml or .parquet.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    snapshot: Snapshot = None,
    sets: Sets = None,
    threads: Threads = None,
    as_json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    log_file: LogFile = None,
    debug: Debug = False,
) -> None:
    """Find the smallest multiple of a scenario, or shift of a factor, at which a target is hit, and write it as a scenario."""
    del debug
    from stresstest.cli.narration import narration

    with narration("reverse", quiet, verbose, log_file) as narrator:
        from stresstest.cli.frontier_view import frontier_text
        from stresstest.cli.grid_view import grid_text
        from stresstest.cli.light_scan import RUN_COPY
        from stresstest.cli.output import print_document
        from stresstest.cli.reverse_plausible import PlausibleWords, answer_plausibly, check_words, tell_unwritten
        from stresstest.cli.reverse_view import reverse_text
        from stresstest.cli.run import use_threads
        from stresstest.cli.settings import load
        from stresstest.runs.reverse.asked import manifest_of
        from stresstest.runs.reverse.frontier import frontier_run
        from stresstest.runs.reverse.grid import TOLERANCE as GRID_TOLERANCE
        from stresstest.runs.reverse.grid import grid_run
        from stresstest.runs.reverse.searching import reverse_run
        from stresstest.runs.scenarios.expanding import SCENARIO_FORMATS, check_file

        use_threads(threads)
        likely = plausible or worst_loss is not None
        given_too = (
            ("--along", along), ("--tolerance", tolerance != CLOSELY), ("--frontier", frontier), ("--multiples", multiples), ("--grid", grid),
        )  # fmt: skip
        others = tuple(name for name, stated in given_too if stated)
        asked = PlausibleWords(target, plausible, worst_loss, most, covariance_days, shrinkage, returns, horizon_days, factors, others)
        if likely:
            check_words(asked)
        listed = _listed("" if likely else target, frontier, multiples, out)
        if grid is not None:
            _check_grid(("--along", along), ("--most", most is not None), ("--frontier", frontier), ("--out", out))
        if out is not None:
            check_file(out, force, SCENARIO_FORMATS)
        manifest = manifest_of(given) if given.is_dir() else None
        settings = load(given / RUN_COPY if given.is_dir() else given, {"snapshot": snapshot, "threads": threads}, sets or [])
        if likely:
            answer_plausibly(asked, settings, manifest, narrator, out, force=force, as_json=as_json, quiet=quiet)
            return
        if target is None:
            surface = frontier_run(settings, along or [], listed, most, tolerance, manifest, narrator)
            narrator.figures = {"computed": surface.computed}
            if as_json:
                print_document("frontier", surface.model_dump(mode="json"))
            else:
                print(frontier_text(surface), end="")
            return
        if grid is not None:
            cells = grid_run(settings, target, grid, GRID_TOLERANCE if tolerance == CLOSELY else tolerance, manifest, narrator)
            narrator.figures = {"computed": cells.computed}
            if as_json:
                print_document("reverse-grid", cells.model_dump(mode="json"))
            else:
                print(grid_text(cells), end="")
            return
        found = reverse_run(settings, target, along or [], most, tolerance, manifest, narrator)
        report = found.report
        if out is not None and len(found.scenarios) > 1:
            report = report.model_copy(update={"file": str(found.write(out, force=force))})
        narrator.figures = {"reached": sum(each.outcome == "reached" for each in report.answers), "computed": report.computed}
        if as_json:
            print_document("reverse", report.model_dump(mode="json"))
            return
        print(reverse_text(report), end="")
        tell_unwritten(out, report.file, quiet=quiet)


def _check_grid(*others: tuple[str, object]) -> None:
    """Refuse options that do not go with a grid.

    Raises:
        StressTestError: usage, with those that are to be left out.
    """
    from stresstest.errors import Reason, StressTestError

    if unused := [name for name, stated in others if stated]:
        raise StressTestError(Reason.USAGE, f"--grid does not go with {', '.join(unused)}", hint=f"Leave out {' and '.join(unused)}.")


def _listed(target: str | None, frontier: bool, multiples: str | None, out: Path | None) -> tuple[float, float, int]:
    """The points at which a frontier lists losses.

    Raises:
        StressTestError: usage, where not one of target and frontier is asked for, or options of the one come with the other.
    """
    from stresstest.errors import Reason, StressTestError
    from stresstest.runs.reverse.frontier import MULTIPLES

    if (target is None) != frontier:
        raise StressTestError(Reason.USAGE, "give either --target or --frontier", hint="For example --target cover-2; or --worst-loss 3.")
    if frontier and out is not None:
        raise StressTestError(Reason.USAGE, "--frontier finds no single scenario to write", hint="Leave out --out, or name a --target.")
    if multiples is None:
        return MULTIPLES
    if not frontier:
        raise StressTestError(Reason.USAGE, "--multiples is of --frontier", hint="How far a target is looked for is --most.")
    try:
        first, last, count = multiples.split(":")
        return float(first), float(last), int(count)
    except ValueError:
        raise StressTestError(Reason.USAGE, f"no multiples: {multiples}", hint="FIRST:LAST:NUMBER, for example 0.5:5:10.") from None
