"""What `scenarios lint` found, as text for a person."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.runs.scenarios.lint_report import FindingLint, LintReport, ScenarioLint

SHOWN_SCENARIOS = 60
SHOWN_FINDINGS = 40
SHOWN_PARTS = 3


def lint_text(report: LintReport, everything: bool = False) -> str:
    """The scenarios with what they leave as it is, then the findings, warnings first; equal ones of several scenarios once.

    Infos of files written for any book (the shipped libraries) are counted: such files name factors that no single book has all of, and
    a thousand of those would bury what is wrong. `everything`: they are shown too.
    """
    lines = [*_heading(report), ""]
    if report.book is not None and report.scenarios:
        lines += [*_scenarios(report), ""]
    for_any_book = frozenset() if everything else frozenset(each.id for each in report.scenarios if each.any_book)
    shown = tuple(each for each in report.findings if each.severity == "warning" or each.scenario_id not in for_any_book)
    hidden = len(report.findings) - len(shown)
    if shown:
        lines += [*_findings(shown), ""]
    if hidden:
        lines += [f"{counted(hidden, 'info')} of files written for any book {'is' if hidden == 1 else 'are'} not shown; -v shows, --json has all", ""]
    lines.append(verdict(report))
    return "".join(printable(line) + "\n" for line in lines)


def verdict(report: LintReport) -> str:
    """How many warnings and infos there are."""
    warnings, infos = report.warnings, report.infos
    parts = [counted(warnings, "warning")] if warnings else []
    parts += [counted(infos, "info")] if infos else []
    return ", ".join(parts) or "nothing found"


def _heading(report: LintReport) -> list[str]:
    what = counted(len(report.scenarios), "scenario")
    if report.book is None:
        return [f"{what}, looked at without a book: give a run file, or --snapshot and --margin, to see what they leave unshocked"]
    moment = datetime.fromisoformat(report.book.as_of).astimezone(UTC)
    book = report.book
    size = f"{counted(book.instruments, 'instrument')}, gross notional {_amount(book.gross_notional)} {book.reporting_currency}"
    return [f"{what} on the book of {moment:%Y-%m-%d %H:%M} UTC: {size}"]


def _scenarios(report: LintReport) -> list[str]:
    """One line per scenario in file order; of many those that leave most as it is."""
    assert report.book is not None
    shown = report.scenarios
    if len(shown) > SHOWN_SCENARIOS:
        shown = tuple(sorted(shown, key=lambda each: -(each.unshocked.share if each.unshocked else 0.0))[:SHOWN_SCENARIOS])
    header = ("scenario", "shocks", "unshocked", f"{report.book.reporting_currency} unshocked", "clamped", "findings", "largest of what is unshocked")
    lines = text_table(header, [_row(each) for each in shown], right=frozenset({1, 2, 3, 4, 5})).splitlines()
    more = len(report.scenarios) - len(shown)
    if more:
        lines.append(f"and {more:,} more, which leave less unshocked; --json has all")
    return lines


def _row(each: ScenarioLint) -> tuple[str, ...]:
    left = each.unshocked
    assert left is not None
    clamped = sum((each.clamped or {}).values())
    largest = ", ".join(f"{shortened(part.name)} {part.share:.1%}" for part in left.largest_underlyings[:SHOWN_PARTS])
    return (
        shortened(each.id),
        f"{each.shocks:,}",
        f"{left.share:.1%}",
        _amount(left.notional),
        f"{clamped:,}" if clamped else "-",
        f"{each.findings:,}" if each.findings else "-",
        largest,
    )


def _findings(findings: tuple[FindingLint, ...]) -> Iterator[str]:
    groups: dict[tuple[str, str | None, str, str], list[FindingLint]] = {}
    for each in sorted(findings, key=lambda each: each.severity != "warning"):
        groups.setdefault((each.severity, each.factor, each.message, str(each.where)), []).append(each)
    yield "Findings"
    for (severity, factor, message, _), same in list(groups.items())[:SHOWN_FINDINGS]:
        first = same[0]
        place = "".join((first.scenario_id, f", shock {first.shock}" if first.shock else "", f" ({_where(first)})" if first.file else ""))
        others = len({each.scenario_id for each in same}) - 1
        more = f"; and in {counted(others, 'more scenario')}" if others else ""
        filtered = f" {{{', '.join(f'{key}: {_filter(value)}' for key, value in first.where.items())}}}" if first.where else ""
        words = message if factor is None else f"{factor}{filtered} {message.removeprefix(factor).lstrip()}"
        yield f"  {severity:7}  {place}: {words}{more}"
    if len(groups) > SHOWN_FINDINGS:
        yield f"  and {len(groups) - SHOWN_FINDINGS:,} more; --json has all"


def _where(finding: FindingLint) -> str:
    file = Path(finding.file or "")
    shown = file.relative_to(Path.cwd()) if file.is_relative_to(Path.cwd()) else file
    return str(shown) if finding.line is None else f"{shown}:{finding.line}"


def _filter(value: object) -> str:
    return " | ".join(map(str, value)) if isinstance(value, list) else str(value)


def _amount(value: float) -> str:
    return f"{value:,.0f}"
