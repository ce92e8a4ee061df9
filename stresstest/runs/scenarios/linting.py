"""`scenarios lint`: what scenarios do to a book, and what in them is allowed and hardly meant."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from stresstest.config import RunFile
from stresstest.margin.haircut_bands import haircut_range
from stresstest.margin.haircut_clamps import haircut_clamps
from stresstest.results.quality import gross_by_instrument
from stresstest.results.unshocked import Unshocked, unshocked_notional
from stresstest.runs.console import Console, Silent
from stresstest.runs.scenarios.lint_report import BookLint, FindingLint, LintReport, Part, ScenarioLint, UnshockedPart
from stresstest.runs.scenarios.on_a_book import OnABook, on_a_book
from stresstest.scenarios.effects import Base, shock_findings
from stresstest.scenarios.files import lines_of, load_scenarios
from stresstest.scenarios.findings import Finding
from stresstest.scenarios.fingerprints import first_alike
from stresstest.scenarios.plain_checks import names_and_sources, neutral_shocks, repeated_shocks, same_as, same_shocks
from stresstest.scenarios.scenario_set import ScenarioSet
from stresstest.snapshot.book import Dimensions
from stresstest.stress.cascade.market.depth_table import read_depth_tables
from stresstest.stress.cascade.market.parameters import parameters_of, refuse
from stresstest.valuation.unit_values import Counts
from stresstest.valuation.value import value_instruments

Floats = npt.NDArray[np.float64]

LARGEST = 5
"""Underlyings and instruments named of what a scenario leaves as it is."""


def lint_files(files: Sequence[str]) -> LintReport:
    """What can be said of scenario files without a book: shocks and scenarios that no book could tell apart, names, sources.

    Raises:
        StressTestError: every fault of the files.
    """
    scenarios = load_scenarios(files)
    found = [*names_and_sources(scenarios), *repeated_shocks(scenarios), *neutral_shocks(scenarios), *same_shocks(scenarios)]
    return _report(scenarios, found)


def lint(settings: RunFile, console: Console | None = None, max_unshocked: float | None = None) -> LintReport:
    """What the scenarios of a run do to its book.

    Args:
        settings: the run file.
        console: told of the stages.
        max_unshocked: largest share of gross notional that a headline scenario may leave as it is without a warning; None: any.
            Operational scenarios are about custody and margin, so they may leave everything.

    Raises:
        StressTestError: every fault of scenarios, margin file and snapshot; scenarios that cannot be on this book.
    """
    console = console or Silent()
    with on_a_book(settings, console) as given:
        with console.stage("valuation"):
            units = value_instruments(given.book.dimensions, given.resolved)
            gross = gross_by_instrument(given.book, np.ascontiguousarray(units.notional[:, 0]))
            left = unshocked_notional(units, gross)
        with console.stage("findings"):
            found = [
                *_findings(given, units.base_vol, settings),
                *_depths_alone(given.scenarios, settings),
                *_beyond(given.scenarios, left, max_unshocked),
            ]
            return _report(given.scenarios, found, given, _clamped(given, units.clamped_vols), left, gross)


def _findings(given: OnABook, base_vol: Floats, settings: RunFile) -> Iterator[Finding]:
    scenarios, dimensions = given.scenarios, given.book.dimensions
    bands = haircut_range(dimensions, given.rulebook)
    bases = {"vol": Base.of(base_vol[given.resolved.option_codes]), "haircut": Base(bands.lowest, bands.highest, bands.none)}
    if settings.cascade is not None:
        # A depth may be stated in the run file alone, or follow from another impact than the linear one.
        market = parameters_of(settings.cascade.impact, dimensions, read_depth_tables(settings.cascade.impact), str(settings.file or "") or None)
        refuse(market.faults)
        bases["depth"] = Base.of(np.array([each.depth for each in market.impacts]))
    yield from names_and_sources(scenarios)
    yield from shock_findings(scenarios, dimensions, given.rulebook.margin_names(), bases)
    for number, first in enumerate(first_alike(given.resolved)):
        yield from same_as(scenarios, number, first)


def _depths_alone(scenarios: ScenarioSet, settings: RunFile) -> Iterator[Finding]:
    """Scenarios that shock depths where nothing is sold: the first such shock of each, but of those written for any book."""
    if settings.cascade is not None:
        return
    seen: set[int] = set()
    for row, factor in enumerate(scenarios.shocks["factor"].to_list()):
        number = scenarios.shocks["scenario"][row]
        if factor.startswith("depth:") and number not in seen and not scenarios.scenarios[number].any_book:
            seen.add(number)
            message = "market depth matters in a liquidation cascade alone, and the run file asks for none (`cascade`)"
            yield Finding("no effect", "info", number, message, row - scenarios.scenarios[number].first, factor)


def _beyond(scenarios: ScenarioSet, left: Unshocked, max_unshocked: float | None) -> Iterator[Finding]:
    for number, each in enumerate(scenarios):
        share = left.share(number)
        if max_unshocked is not None and each.headline and each.family != "operational" and share > max_unshocked:
            message = f"{share:.1%} of gross notional is left as it is, more than {max_unshocked:.1%}"
            yield Finding("unshocked", "warning", number, message)


def _report(
    scenarios: ScenarioSet,
    found: Iterable[Finding],
    given: OnABook | None = None,
    clamped: Sequence[dict[str, int]] | None = None,
    left: Unshocked | None = None,
    gross: Floats | None = None,
) -> LintReport:
    findings = sorted(found, key=lambda each: (each.scenario, -1 if each.shock is None else each.shock))
    number = Counter(each.scenario for each in findings)
    parts = None if given is None or left is None or gross is None else _Parts(given.book.dimensions, left, gross)
    severities = Counter(each.severity for each in findings)
    return LintReport(
        book=None if given is None or left is None else _book(given, left),
        scenarios=tuple(
            ScenarioLint(
                id=each.id,
                name=each.name,
                family=each.family,
                headline=each.headline,
                any_book=each.any_book,
                shocks=each.last - each.first,
                findings=number[place],
                unshocked=None if parts is None else parts.of(place),
                clamped=None if clamped is None else clamped[place],
            )
            for place, each in enumerate(scenarios)
            if place > 0
        ),
        findings=_located(scenarios, findings),
        warnings=severities["warning"],
        infos=severities["info"],
    )


def _book(given: OnABook, left: Unshocked) -> BookLint:
    dimensions = given.book.dimensions
    return BookLint(
        as_of=dimensions.as_of.isoformat(),
        reporting_currency=dimensions.reporting_currency,
        instruments=dimensions.instruments.height,
        gross_notional=left.total,
    )


def _located(scenarios: ScenarioSet, findings: Sequence[Finding]) -> tuple[FindingLint, ...]:
    about = [scenarios.scenarios[each.scenario] for each in findings]
    return tuple(
        FindingLint(
            kind=each.kind,
            severity=each.severity,
            scenario_id=scenario.id,
            shock=None if each.shock is None else each.shock + 1,
            factor=each.factor,
            where=None if each.where is None else json.loads(each.where),
            message=each.message,
            file=scenario.file,
            line=line,
        )
        for each, scenario, line in zip(findings, about, lines_of(about, [each.shock for each in findings]), strict=True)
    )


def _clamped(given: OnABook, vols: Counts) -> list[dict[str, int]]:
    """Values brought into their range in every scenario, by factor type, `vols` those of options; types without any are left out."""
    counts: list[Counter[str]] = [Counter() for _ in given.scenarios]
    dimensions, resolved = given.book.dimensions, given.resolved
    for notice in (*given.notices, *haircut_clamps(dimensions, resolved, given.rulebook)):
        for scenario, number in notice.by_scenario:
            counts[scenario][notice.factor.partition(":")[0]] += number
    for scenario in np.flatnonzero(vols).tolist():
        counts[scenario]["vol"] += int(vols[scenario])
    return [dict(sorted(each.items())) for each in counts]


class _Parts:
    """The largest parts of what scenarios leave as it is."""

    def __init__(self, dimensions: Dimensions, left: Unshocked, gross: Floats) -> None:
        self.left = left
        self.gross = gross
        self.instruments = dimensions.instruments["instrument_id"]
        self.assets = dimensions.assets["asset"]
        # Held instruments, the largest first; those of one size in the order of their ids.
        self.order = [code for code in np.argsort(-gross, kind="stable").tolist() if gross[code] > 0.0]
        self.by_underlying: dict[int, Floats] = {}
        underlying = dimensions.instruments["underlying_code"].to_list()
        for code in sorted(self.order):
            sums = self.by_underlying.setdefault(underlying[code], np.zeros(left.alike.shape[1]))
            sums += np.where(left.alike[code], gross[code], 0.0)

    def of(self, scenario: int) -> UnshockedPart:
        """Of one scenario."""
        alike = self.left.alike[:, scenario]
        amounts = sorted(
            ((float(sums[scenario]), self.assets[code]) for code, sums in self.by_underlying.items()), key=lambda each: (-each[0], each[1])
        )
        codes = [code for code in self.order if alike[code]][:LARGEST]
        return UnshockedPart(
            notional=float(self.left.notional[scenario]),
            share=self.left.share(scenario),
            instruments=int(self.left.held[scenario]),
            largest_underlyings=tuple(self._part(name, amount) for amount, name in amounts[:LARGEST] if amount > 0.0),
            largest_instruments=tuple(self._part(self.instruments[code], float(self.gross[code])) for code in codes),
        )

    def _part(self, name: str, amount: float) -> Part:
        return Part(name=name, notional=amount, share=amount / self.left.total)
