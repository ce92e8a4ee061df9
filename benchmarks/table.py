"""What was measured as one Markdown document, readable as plain text too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.compared import Compared
from benchmarks.measuring import HOW_MEMORY_IS_MEASURED
from benchmarks.runs import WholeRun

GB = 1e9


@dataclass(frozen=True)
class Kernel:
    """The kernel on one book: its name, what `kernel.measured` gave, the rate to reach."""

    name: str
    figures: dict[str, float]
    target: float | None


@dataclass(frozen=True)
class Run:
    """A whole run: the size of its book, what was measured, seconds and bytes to stay below."""

    name: str
    states: float
    run: WholeRun
    seconds: float
    memory: float


@dataclass(frozen=True)
class Report:
    """Everything measured in one run. `full`: the sizes that targets are for."""

    machine: str
    load: float
    full: bool
    kernels: Sequence[Kernel]
    runs: Sequence[Run]
    rivals: Sequence[Compared]
    valuation: str
    portfolio: str
    distance: str
    cascade: str = ""
    draws: str = ""


def document(report: Report) -> str:
    """The whole document."""
    parts = [
        "# Benchmarks",
        f"`make bench`{'' if report.full else ' ARGS=--quick: a hundredth of the positions and accounts, no targets'}, on {report.machine}. "
        f"Load before the start: {report.load:.1f} of all cores"
        + (" (**others were using the machine: the figures are too slow**)." if report.load > 0.1 else "."),
        f"{BOOK_TEXT} {HOW_MEMORY_IS_MEASURED}",
    ]
    if report.kernels or report.runs:
        parts += ["## stresstest", _table(("what", "measured", "target", "")), _ours(report)]
    if report.runs:
        parts += [
            "Seconds by stage, from `manifest.json`; *start and end* is the rest of the process (interpreter, imports, plan, publishing):",
            _stages(report.runs),
        ]
    if report.rivals:
        parts += ["## The same job with other tools", RIVALS_TEXT, _rivals(report)]
    if report.valuation:
        parts += ["## Revaluation of options", f"```\n{report.valuation.strip()}\n```"]
    if report.portfolio:
        parts += ["## Options under a portfolio model", f"```\n{report.portfolio.strip()}\n```"]
    if report.distance:
        parts += ["## Distances to liquidation and default", f"```\n{report.distance.strip()}\n```"]
    if report.cascade:
        parts += ["## Liquidation cascades", f"```\n{report.cascade.strip()}\n```"]
    if report.draws:
        parts += ["## Scenarios drawn from history", f"```\n{report.draws.strip()}\n```"]
    # A table's head and rows are one paragraph.
    return "\n\n".join(parts).replace("|\n\n|", "|\n|") + "\n"


BOOK_TEXT = (
    "The book: linear perpetuals and futures, 2,000 instruments on 200 underlyings, 10 positions and 3 collateral rows an account, five "
    "marginal margin tiers (reached by 60 / 20 / 10 / 7 / 3 % of the positions), three haircut bands, 1,000 scenarios that move every price. "
    "Each figure is the fastest of several."
)

RIVALS_TEXT = (
    "On the same files, in the same run: per scenario the total shortfalls (maintenance, initial) and losses, per account the worst scenario's "
    "margin balance less requirement. Answers agree to 1e-6, or there is no table. The others know what this book is like, check nothing, and "
    "leave out what else a run gives (statuses, owners, Cover-N, stress loss over margin, result tables with hashes). Slow ones do a share of the "
    "scenarios; *all scenarios* is then their time projected to 1,000. *Ours* is how many times faster stresstest is: its kernel against their "
    "computing (rate), its whole run against their whole process (all scenarios)."
)


def _table(head: Sequence[str], right: bool = False) -> str:
    return "\n".join(("| " + " | ".join(head) + " |", "|" + "|".join("---:" if right and k else "---" for k in range(len(head))) + "|"))


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _ours(report: Report) -> str:
    rows = []
    for kernel in report.kernels:
        rate = kernel.figures["rate"]
        told = "" if kernel.target is None or not report.full else f"{kernel.target / 1e9:.0f}e9 or more"
        note = f"{kernel.figures['steps_a_position']:.2f} live steps a position, folding {kernel.figures['fold_share']:.0%} of the time"
        rows.append(
            _row(
                f"kernel: {kernel.name}",
                f"{rate / 1e9:.2f}e9 position-scenarios a second",
                told,
                _met(report, told, rate >= (kernel.target or 0.0), note),
            )
        )
    for each in report.runs:
        seconds, memory = each.run.seconds, each.run.peak_memory
        times, most = (f"below {each.seconds:.0f} s", f"below {each.memory / GB:.1f} GB") if report.full else ("", "")
        note = f"{each.states / seconds / 1e9:.2f}e9 position-scenarios a second, {each.run.cpu_seconds:.1f} s of CPU"
        rows.append(_row(f"run: {each.name}", f"{seconds:.2f} s", times, _met(report, times, seconds < each.seconds, note)))
        rows.append(_row("its peak memory", f"{memory / GB:.2f} GB", most, _met(report, most, memory < each.memory, "")))
    return "\n".join(rows)


def _met(report: Report, target: str, met: bool, note: str) -> str:
    verdict = "" if not (report.full and target) else "met" if met else "**missed**"
    return "; ".join(part for part in (verdict, note) if part)


def _stages(runs: Sequence[Run]) -> str:
    names = list(runs[0].run.stages)
    lines = [_row(each.name, *(f"{each.run.stages.get(name, 0.0):.2f}" for name in names)) for each in runs]
    return "\n".join((_table(("run", *names), right=True), *lines))


def _rivals(report: Report) -> str:
    head = ("with", "cores", "scenarios", "prepare, s", "compute, s", "position-scenarios a second", "ours", "all scenarios, s", "ours", "peak GB")
    rows = [_table(head, right=True)]
    kernel, whole = report.kernels[0].figures, report.runs[0].run
    rows.append(
        _row(
            "**stresstest**",
            "all",
            "1,000",
            "",
            f"{kernel['seconds']:.2f}",
            f"{kernel['rate'] / 1e6:,.0f}e6",
            "",
            f"{whole.seconds:.1f}",
            "",
            f"{whole.peak_memory / GB:.2f}",
        )
    )
    for each in report.rivals:
        rate = kernel["positions"] * each.rival.scenarios / each.compute_seconds
        projected = each.projected(1_000)
        rows.append(
            _row(
                each.rival.name, each.rival.cores, f"{each.rival.scenarios:,}", f"{each.prepare_seconds:.2f}", f"{each.compute_seconds:.2f}",
                f"{rate / 1e6:,.0f}e6", f"{kernel['rate'] / rate:,.0f} x", f"{projected:,.1f}", f"{projected / whole.seconds:,.1f} x",
                f"{each.peak_memory / GB:.2f}",
            )
        )  # fmt: skip
    return "\n".join(rows)
