"""The scenarios of a cascade that are looked at closely: every order, the same book under isolated margin, shallower and deeper markets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.config import Cascade
from stresstest.margin.compile import compile_tables
from stresstest.margin.rulebook import Rulebook
from stresstest.results.store import empty
from stresstest.runs.writing import Valued
from stresstest.snapshot.book import Book
from stresstest.stress.cascade.isolated_book import isolated_book
from stresstest.stress.cascade.losses.waterfall import ROUNDING
from stresstest.stress.cascade.market.prices import Market
from stresstest.stress.cascade.outcome import AccountsPart, Outcome
from stresstest.stress.cascade.tabled import Scenarios, amplification, rounds_table
from stresstest.stress.rows import words
from stresstest.stress.static import StressResult
from stresstest.tables import CASCADE_ISOLATED, CASCADE_ROUNDS, CASCADE_SENSITIVITY, Table

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]


class Follow(Protocol):
    """Follows scenarios of a book to their ends, as a stage of that name."""

    def __call__(
        self,
        name: str,
        book: Book,
        market: Market,
        scenarios: Codes,
        *,
        log: bool = False,
        on_accounts: Callable[[AccountsPart], object] | None = None,
    ) -> Outcome:
        """What became of them."""
        ...


def detailed(asked: int | Literal["all"] | Sequence[str], outcome: Outcome, scenarios: Scenarios) -> Codes:
    """Places in the run of the scenarios that are looked at closely, ascending.

    A number: so many headline scenarios that liquidate anybody, those with the largest uncollateralised loss at the end first, then with the largest
    feedback loss; `all`: every scenario that does; else those of these ids.
    """
    if not isinstance(asked, (int, str)):
        place = {name: number for number, name in enumerate(scenarios.ids)}
        return np.array(sorted(place[each] for each in asked), dtype=np.int32)
    liquidates = outcome.rounds > 0
    if asked == "all":
        return outcome.scenarios[liquidates]
    counted = np.flatnonzero(liquidates & scenarios.headline[outcome.scenarios])
    lost = np.where(outcome.loss_final > ROUNDING, outcome.loss_final, 0.0)
    order = np.lexsort((counted, -outcome.feedback_loss[counted], -lost[counted]))
    return np.sort(outcome.scenarios[counted[order[: int(asked)]]])


class Gains:
    """What every account has gained since base in a few scenarios, its equity at the end, and what its cross pool and its isolated ones are `below`
    zero and `isolated_below`; f64[accounts, scenarios].
    """

    def __init__(self, accounts: int, scenarios: Codes) -> None:
        self.scenarios = scenarios
        self.gained, self.equity, self.below, self.isolated_below = (np.zeros((accounts, len(scenarios))) for _ in range(4))
        self.liquidated = np.zeros((accounts, len(scenarios)), dtype=np.bool_)

    def add(self, part: AccountsPart) -> None:
        """Take consecutive accounts."""
        at = np.ix_(np.arange(part.first, part.first + len(part.equity_base)), np.searchsorted(self.scenarios, part.scenarios))
        self.gained[at] = np.maximum(part.equity_final - part.equity_base[:, None], 0.0)
        self.equity[at] = part.equity_final
        counts = part.loss_final > part.tolerance[:, None]
        cross = np.maximum(-part.cross_final, 0.0)
        self.below[at], self.isolated_below[at] = np.where(counts, cross, 0.0), np.where(counts, np.maximum(part.loss_final - cross, 0.0), 0.0)
        self.liquidated[at] = part.liquidated


@dataclass(frozen=True)
class Closely:
    """Some scenarios of a cascade, by their places in the run."""

    follow: Follow
    write: Callable[[Table, pl.DataFrame], None]
    terms: Cascade
    valued: Valued
    names: Scenarios
    scenarios: Codes

    def orders(self, market: Market, also: Codes) -> tuple[Outcome | None, Gains]:
        """Write `cascade_rounds`; the outcome with its log of these scenarios and of others, None without any, and what accounts gained in them."""
        book, scenarios = self.valued.book, np.union1d(self.scenarios, also).astype(np.int32)
        gains = Gains(book.dimensions.accounts.height, scenarios)
        if not len(scenarios):
            self.write(CASCADE_ROUNDS, empty(CASCADE_ROUNDS))
            return None, gains
        found = self.follow("cascade, order by order", book, market, scenarios, log=True, on_accounts=gains.add)
        rows = rounds_table(found, self.names, book.dimensions)
        told = [self.names.ids[int(scenario)] for scenario in self.scenarios]
        self.write(CASCADE_ROUNDS, rows.filter(pl.col("scenario_id").is_in(told)))
        return found, gains

    def isolated(self, cross: Outcome, stressed: StressResult, rulebook: Rulebook, work: Path, market: Market) -> None:
        """Write `cascade_isolated`: the book as it is beside the same with every position on its own."""
        if not len(self.scenarios) or not self.terms.isolated:
            self.write(CASCADE_ISOLATED, empty(CASCADE_ISOLATED))
            return
        book, resolved, units = self.valued.book, self.valued.resolved, self.valued.units
        at_base = compile_tables(book.dimensions, resolved.take([0]), units.take([0]), rulebook, np.zeros(1, dtype=np.bool_))
        apart = isolated_book(book, at_base, stressed.holders, work)
        alone = self.follow("cascade, isolated margin", apart, market, self.scenarios)
        rows = []
        for number in range(len(self.scenarios)):
            for margin, outcome in (("cross", cross), ("isolated", alone)):
                place = int(np.searchsorted(outcome.scenarios, self.scenarios[number]))
                rows.append(
                    {
                        "margin": margin,
                        **_figures(outcome, place),
                        "accounts_by_feedback": int(outcome.accounts_by_feedback[place]),
                        "survivors_loss": float(outcome.loss_of_survivors[:, place].sum()),
                    }
                )
        self.write(CASCADE_ISOLATED, self._named(rows, 2))

    def sensitivity(self, outcome: Outcome, exposure: Floats, market: Market) -> None:
        """Write `cascade_sensitivity`: the depth of the run, and so many times as much."""
        if not len(self.scenarios) or not self.terms.depth_multiples:
            self.write(CASCADE_SENSITIVITY, empty(CASCADE_SENSITIVITY))
            return
        snapshot = self.valued.book.dimensions.assets["price"].to_numpy()
        found: dict[float, Outcome] = {1.0: outcome}
        for multiple in self.terms.depth_multiples:
            if multiple != 1.0:
                name = f"cascade, depth times {multiple:g}"
                found[multiple] = self.follow(name, self.valued.book, market.deeper(multiple), self.scenarios)
        rows = []
        for scenario in self.scenarios:
            for multiple in sorted(found):
                each = found[multiple]
                place = int(np.searchsorted(each.scenarios, scenario))
                here = slice(place, place + 1)
                ratio = amplification(snapshot, each.prices_shocked[:, here], each.prices_final[:, here], exposure)[0]
                rows.append({"depth_multiple": multiple, **_figures(each, place), "amplification": ratio})
        self.write(CASCADE_SENSITIVITY, self._named(rows, len(found)))

    def _named(self, rows: Sequence[dict[str, Any]], each: int) -> pl.DataFrame:
        """Rows of the scenarios, so many of each, with their ids."""
        return pl.DataFrame(rows, infer_schema_length=None).with_columns(words(self.names.ids, np.repeat(self.scenarios, each)).alias("scenario_id"))


def _figures(outcome: Outcome, place: int) -> dict[str, Any]:
    return {
        "rounds": int(outcome.rounds[place]),
        "converged": bool(outcome.converged[place]),
        "accounts_liquidated": int(outcome.accounts_liquidated[place]),
        "notional_sold": float(outcome.notional_sold[:, place].sum()),
        "feedback_loss": float(outcome.feedback_loss[place]),
        "uncollateralised_loss": float(outcome.loss_final[place]),
        "floored_assets": int(outcome.floored[:, place].sum()),
    }
