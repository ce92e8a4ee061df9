"""The cascade of a run: every scenario to its end, some of them looked at closely, and who pays for what is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.config import USUAL_WATERFALL
from stresstest.executors import Executor
from stresstest.results.impact_quality import Traded, impact_checks
from stresstest.results.quality import Check
from stresstest.results.store import write_table
from stresstest.runs.console import Advance
from stresstest.runs.planning import Plan
from stresstest.runs.writing import Valued
from stresstest.tables import (
    CASCADE_PARAMETERS,
    CASCADE_PATH,
    CASCADE_PRICES,
    CASCADE_ROUND_TOTALS,
    CASCADE_SUMMARY,
    CASCADE_VULNERABILITY,
    CONTAGION,
    WATERFALL,
    WATERFALL_PAYERS,
    Table,
)

if TYPE_CHECKING:  # the kernels take long to import, and a refused snapshot does not wait for them
    from stresstest.config import Cascade
    from stresstest.snapshot.book import Book
    from stresstest.stress.cascade.market.prices import Market
    from stresstest.stress.cascade.outcome import AccountsPart, Outcome
    from stresstest.stress.static import StressResult

Stage = Callable[[str, int | None], AbstractContextManager[Advance]]


def write_cascade(plan: Plan, valued: Valued, stressed: StressResult, executor: Executor, work: Path, result: Path, stage: Stage) -> list[Check]:
    """Follow every scenario through its liquidations and write the tables of it; what data quality says of them.

    Args:
        plan: the run; its settings have `cascade`.
        valued: the book under its scenarios.
        stressed: the static stress.
        executor: on which blocks are mapped.
        work: folder for a book with every position on its own.
        result: the result folder.
        stage: opens a stage.

    Raises:
        StressTestError: input data and configuration, for parameters of price impact that do not fit the book; scenario, where prices that sales
            make leave the range in which instruments can be valued.
    """
    return _Run(plan, valued, stressed, executor, work, result, stage).write()


@dataclass(frozen=True)
class _Run:
    plan: Plan
    valued: Valued
    stressed: StressResult
    executor: Executor
    work: Path
    result: Path
    stage: Stage

    @property
    def terms(self) -> Cascade:
        terms = self.plan.settings.cascade
        assert terms is not None
        return terms

    def write(self) -> list[Check]:
        from stresstest.runs.cascade.closely import Closely, detailed
        from stresstest.runs.cascade.market import market_on
        from stresstest.runs.cascade.paying import Paying
        from stresstest.stress.cascade import tabled
        from stresstest.stress.cascade.losses.owners import OwnerLosses
        from stresstest.stress.cascade.losses.waterfall import ROUNDING

        book, resolved, units = self.valued.book, self.valued.resolved, self.valued.units
        dimensions, holders = book.dimensions, self.stressed.holders
        market = market_on(self.plan.settings, self.terms, dimensions, resolved)
        every = np.arange(resolved.scenarios, dtype=np.int32)
        owners = OwnerLosses(holders.owner, holders.netting, every)
        outcome = self._cascade("cascade", book, market, every, on_accounts=owners.add)
        shocked, final = owners.shocked(), owners.final()
        headline = np.array([each.headline and number > 0 for number, each in enumerate(self.plan.scenarios.scenarios)], dtype=np.bool_)
        named = tabled.Scenarios(resolved.ids, headline)
        exposure = tabled.base_exposure(book, np.ascontiguousarray(units.notional[:, 0]), np.ascontiguousarray(resolved.value[:, 0]))
        contagion = tabled.contagion_table(outcome, named, dimensions)
        equity = float(self.stressed.scenario_summary["equity"][0])
        for table, frame in (
            (CASCADE_SUMMARY, tabled.summary_table(outcome, named, shocked, final, exposure, dimensions)),
            (CASCADE_PRICES, tabled.prices_table(outcome, named, dimensions)),
            (CASCADE_PATH, tabled.path_table(outcome, named, dimensions)),
            (CASCADE_ROUND_TOTALS, tabled.round_totals_table(outcome, named)),
            (CONTAGION, contagion),
            (CASCADE_VULNERABILITY, tabled.vulnerability_table(contagion, outcome, named, dimensions, equity)),
            (CASCADE_PARAMETERS, tabled.parameters_table(market.parameters)),
        ):
            self._write(table, frame)
        chosen = detailed(self.terms.detail, outcome, named)
        closely = Closely(self._cascade, self._write, self.terms, self.valued, named, chosen)
        # Positions can only be closed in scenarios of which every order is known.
        last = (self.plan.settings.waterfall or USUAL_WATERFALL)[-1]
        also = outcome.scenarios[outcome.loss_final > ROUNDING] if last in ("adl_queue", "pro_rata") else chosen
        logged, gains = closely.orders(market, also)
        shutil.rmtree(self.work, ignore_errors=True)  # an interrupted run may have left one
        closely.isolated(outcome, self.stressed, self.plan.rulebook, self.work, market)
        closely.sensitivity(outcome, exposure, market)
        with self.stage("waterfall", None):
            layers, payers = Paying(self.plan.settings, self.valued, named, outcome, final, logged, gains).tables()
        self._write(WATERFALL, layers)
        self._write(WATERFALL_PAYERS, payers)
        traded = Traded(outcome.notional_sold, outcome.missing, outcome.floored, outcome.exhausted)
        return impact_checks(dimensions.assets["asset"].to_list(), resolved.ids, traded, outcome.converged, self.terms.max_rounds)

    def _write(self, table: Table, frame: pl.DataFrame) -> None:
        write_table(frame, table, self.result / f"{table.name}.parquet", self.plan.scenarios.ids)

    def _cascade(
        self, name: str, book: Book, market: Market, scenarios: npt.NDArray[np.int32], *, log: bool = False,
        on_accounts: Callable[[AccountsPart], object] | None = None,
    ) -> Outcome:  # fmt: skip
        """Scenarios of a book to their ends, as a stage of that name whose steps are rounds."""
        from stresstest.stress.cascade.engine import run_cascade

        with self.stage(name, None) as advance:
            return run_cascade(
                book, self.valued.resolved, self.valued.units, self.plan.rulebook, self.terms, market, self.executor,
                scenarios=scenarios.tolist(), log=log, on_accounts=on_accounts, on_round=lambda _rounds, _scenarios: advance(1),
            )  # fmt: skip
