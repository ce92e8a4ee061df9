"""Funding: variation margin by currency of settlement against what accounts hold of it, at base and in every headline scenario."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.executors import Executor
from stresstest.margin.compile import Compiled
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.stress.funding_sums import CALLS, COUNTS, SALES, BlockFunding, FundingSums, OwnerCalls, together
from stresstest.stress.holders import Holders, block_holdings
from stresstest.stress.rows import words
from stresstest.stress.static import StressResult
from stresstest.stress.variation_margin import claims_of, variation_calls
from stresstest.tables import FUNDING, FUNDING_OWNERS, FUNDING_SUMMARY

Longs = npt.NDArray[np.int64]

SOLD = SALES.index("sold")

STATES_AT_ONCE = 32
"""States in which a block is looked at together: some 30 MB of figures."""


@dataclass(frozen=True)
class Funding:
    """The tables of those names."""

    funding: pl.DataFrame
    funding_summary: pl.DataFrame
    funding_owners: pl.DataFrame


@dataclass(frozen=True)
class _Task:
    """What a block needs. `currencies`: codes of the assets in which instruments settle; `states`: positions of the scenarios, base first."""

    book: Book
    compiled: Compiled
    holders: Holders
    currencies: Longs
    states: Longs


def fund(book: Book, stressed: StressResult, executor: Executor, on_progress: Callable[[int, int], None] | None = None) -> Funding:
    """The cash that accounts have to find, at base and in every headline scenario.

    Args:
        book: the staged snapshot.
        stressed: the first pass, whose tables say what everything is worth and what is short of initial margin.
        executor: on which blocks are mapped.
        on_progress: `on_progress(done, all)` is called after every block.
    """
    summary, dimensions = stressed.scenario_summary, book.dimensions
    states = np.flatnonzero(summary["headline"].to_numpy() | (np.arange(summary.height) == 0))
    settled = pl.col("kind").is_in(["future", "perpetual"]) | ((pl.col("kind") == "option") & (pl.col("premium_style") == "margined"))
    currencies = np.unique(dimensions.instruments.filter(settled)["settle_code"].to_numpy().astype(np.int64))
    task = _Task(book, stressed.compiled, stressed.holders, currencies, states)

    def parts() -> Iterator[FundingSums]:
        for number, part in enumerate(executor.map(partial(_block, task), range(book.blocks))):
            yield part
            if on_progress is not None:
                on_progress(number + 1, book.blocks)

    total = together(parts(), dimensions.assets.height)
    names = tuple(summary["scenario_id"][states.tolist()])
    return Funding(
        _by_asset(total, dimensions.assets["asset"], currencies, names),
        _by_scenario(total, names, summary["initial_shortfall"][states.tolist()]),
        _by_owner(total.listed, dimensions, currencies, names),
    )


def _block(task: _Task, number: int) -> FundingSums:
    block = block_holdings(load_block(task.book, number), task.holders, task.compiled)
    tables, lanes = task.compiled.tables, task.compiled.lanes
    claims = claims_of(tables, block.holdings)
    book_assets = task.compiled.views.assets
    ends = task.holders.open_ends(int(block.accounts.code[0]), int(block.accounts.code[-1]))
    currency = np.searchsorted(task.currencies, claims.currency % book_assets)
    found = BlockFunding(block, claims, currency, claims.token_asset % book_assets, len(task.currencies), len(task.states), ends)
    for home in range(lanes.blocks):
        scenarios = lanes.scenario[home, : lanes.used[home]]
        if home > 0 and not lanes.headline[home]:
            continue
        for first in range(0, len(scenarios), STATES_AT_ONCE):
            chosen = np.searchsorted(task.states, scenarios[first : first + STATES_AT_ONCE])
            rows = np.ascontiguousarray(tables.values[home][:, first : first + len(chosen)])
            found.add(variation_calls(tables, rows, claims), chosen)
    return found.sums()


# ------------------------------------------------------------------ tables


def _by_asset(total: FundingSums, assets: pl.Series, currencies: Longs, scenarios: Sequence[str]) -> pl.DataFrame:
    """The table `funding`: currencies in which something is gained or lost, and assets that somebody sells."""
    settling = (total.calls[..., 0] + total.gained > 0.0).any(axis=1)
    listed = np.union1d(currencies[settling], np.flatnonzero((total.sales[..., SOLD] > 0.0).any(axis=1)))
    state = np.repeat(np.arange(len(scenarios)), len(listed))

    def of_listed(figures: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """[currencies, states, ...] as [states * listed, ...]: nothing is called in what is no currency of settlement."""
        every = np.zeros((len(assets), *figures.shape[1:]), dtype=figures.dtype)
        every[currencies] = figures
        return np.swapaxes(every[listed], 0, 1).reshape(-1, *figures.shape[2:])

    calls, accounts = of_listed(total.calls), of_listed(total.accounts[:-1])
    sales = np.swapaxes(total.sales[listed], 0, 1).reshape(-1, len(SALES))
    return pl.DataFrame(
        {
            "scenario_id": words(tuple(scenarios), state),
            "currency": assets[np.tile(listed, len(scenarios)).tolist()],
            **{name: calls[:, which] for which, name in enumerate(CALLS)},
            "variation_gain": of_listed(total.gained),
            **{name: sales[:, which] for which, name in enumerate(SALES)},
            **{name: accounts[:, which] for which, name in enumerate(COUNTS)},
            "owners_not_paying": of_listed(total.owners[:-1]),
        }
    ).select(FUNDING.names)


def _by_scenario(total: FundingSums, scenarios: Sequence[str], initial_shortfall: pl.Series) -> pl.DataFrame:
    """The table `funding_summary`."""
    calls, sold = _in_order(total.calls), _in_order(total.sales[..., SOLD])
    return pl.DataFrame(
        {
            "scenario_id": list(scenarios),
            **{name: calls[:, which] for which, name in enumerate(CALLS)},
            "sold": sold,
            "initial_margin_call": initial_shortfall,
            **{name: total.accounts[-1, :, which] for which, name in enumerate(COUNTS)},
            "owners_not_paying": total.owners[-1],
        }
    ).select(FUNDING_SUMMARY.names)


def _in_order(figures: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The sum over the first axis, one after the other."""
    total = np.zeros(figures.shape[1:])
    for each in figures:
        total += each
    return total


def _by_owner(calls: OwnerCalls, dimensions: Dimensions, currencies: Longs, scenarios: Sequence[str]) -> pl.DataFrame:
    """The table `funding_owners`."""
    about = dimensions.owners.select("owner_id", "name")[calls.owner.astype(np.uint32)]
    return about.with_columns(
        words(tuple(scenarios), calls.state).alias("scenario_id"),
        words(tuple(dimensions.assets["asset"]), currencies[calls.currency]).alias("currency"),
        *(pl.Series(name, calls.figures[:, which]) for which, name in enumerate(CALLS)),
        *(pl.Series(name, calls.accounts[:, which]) for which, name in enumerate(COUNTS)),
    ).select(FUNDING_OWNERS.names)
