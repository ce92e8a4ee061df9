"""What a cascade did, as tables: codes become names, and figures of scenarios and assets are put beside each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.stress.cascade.losses.owners import OwnersInDebt
from stresstest.stress.cascade.market.parameters import Parameter
from stresstest.stress.cascade.outcome import Outcome
from stresstest.stress.rows import words

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_LEAST = 1e-12
"""A price that moved by less than this share of the snapshot's has not moved."""


@dataclass(frozen=True)
class Scenarios:
    """Ids of all scenarios of the run, and which count for the headline."""

    ids: tuple[str, ...]
    headline: Flags


def base_exposure(book: Book, notional: Floats, value: Floats) -> Floats:
    """What the book holds of every asset at base, f64[assets], reporting currency: notional of positions in it and value of collateral, either sign.

    Args:
        book: the staged snapshot.
        notional: f64[instruments] of one contract at base.
        value: f64[assets] X at base.
    """
    assets = book.dimensions.assets.height
    underlying = book.dimensions.instruments["underlying_code"].to_numpy()
    found = np.zeros(assets)
    for number in range(book.blocks):
        block = load_block(book, number)
        found += np.bincount(underlying[block.instrument], weights=np.abs(block.quantity) * notional[block.instrument], minlength=assets)
        found += np.bincount(block.asset, weights=np.abs(block.amount * value[block.asset]), minlength=assets)
    return found


def amplification(snapshot: Floats, shocked: Floats, final: Floats, exposure: Floats) -> list[float | None]:
    """sum_a w_a |P_end - P_0| / |P_0| over the same with the shocked price, by scenario; w what the book holds at base; None: nothing was shocked.

    Args:
        snapshot: f64[assets].
        shocked: f64[assets, S].
        final: f64[assets, S].
        exposure: f64[assets].
    """
    at = np.abs(snapshot)[:, None]
    known = (at[:, 0] > 0.0) & (exposure > 0.0)
    moves = [np.sum(exposure[known, None] * np.abs(price - snapshot[:, None])[known] / at[known], axis=0) for price in (shocked, final)]
    least = _LEAST * exposure[known].sum()
    return [float(end / start) if start > least else None for start, end in zip(*moves, strict=True)]


def summary_table(
    outcome: Outcome, scenarios: Scenarios, shocked: OwnersInDebt, final: OwnersInDebt, exposure: Floats, dimensions: Dimensions
) -> pl.DataFrame:  # fmt: skip
    """The table `cascade_summary`."""
    snapshot = dimensions.assets["price"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        # Of the amount of the price: a price below zero that falls has a change below zero too.
        change = (outcome.prices_final - outcome.prices_shocked) / np.abs(outcome.prices_shocked)
        moved = np.abs(outcome.prices_final - outcome.prices_shocked) / np.abs(snapshot)[:, None]
    moved = np.nan_to_num(moved, nan=0.0, posinf=0.0)
    worst = moved.argmax(axis=0) if len(moved) else np.zeros(len(outcome.scenarios), dtype=np.int64)
    places = np.arange(len(outcome.scenarios))
    any_moved = moved[worst, places] > 0.0
    direct, feedback = outcome.direct_loss, outcome.feedback_loss
    names = dimensions.assets["asset"]
    worst_change = np.where(np.isfinite(change[worst, places]), change[worst, places], np.nan)
    return pl.DataFrame(
        {
            "scenario_id": words(scenarios.ids, outcome.scenarios),
            "headline": scenarios.headline[outcome.scenarios],
            "rounds": outcome.rounds,
            "converged": outcome.converged,
            "halted_rounds": outcome.halted,
            "accounts_liquidated_direct": outcome.accounts_liquidated - outcome.accounts_by_feedback,
            "accounts_liquidated_feedback": outcome.accounts_by_feedback,
            "pools_liquidated": outcome.pools_liquidated,
            "notional_sold": outcome.notional_sold.sum(axis=0),
            "direct_loss": direct,
            "feedback_loss": feedback,
            "amplification": pl.Series(amplification(snapshot, outcome.prices_shocked, outcome.prices_final, exposure), dtype=pl.Float64),
            "loss_amplification": pl.Series(
                [float((a + b) / a) if a > 0.0 else None for a, b in zip(direct, feedback, strict=True)], dtype=pl.Float64
            ),
            "uncollateralised_loss_static": outcome.loss_shocked,
            "uncollateralised_loss": outcome.loss_final,
            "owners_in_default_static": shocked.in_default(),
            "owners_in_default": final.in_default(),
            "cover_1": final.largest(1),
            "cover_2": final.largest(2),
            "liquidation_fees": outcome.fees,
            "fees_to_insurance_fund": outcome.fees_to_insurance,
            "floored_assets": outcome.floored.sum(axis=0),
            "assets_without_impact": (outcome.missing & (outcome.notional_sold > 0.0)).sum(axis=0),
            "unfunded_debts": outcome.unfunded_debts,
            "worst_asset": pl.Series([names[int(code)] if there else None for code, there in zip(worst, any_moved, strict=True)], dtype=pl.String),
            "worst_asset_change": pl.Series(np.where(any_moved, worst_change, np.nan)).fill_nan(None),
        }
    )


def prices_table(outcome: Outcome, scenarios: Scenarios, dimensions: Dimensions) -> pl.DataFrame:
    """The table `cascade_prices`: assets of which something was traded."""
    asset, place = np.nonzero(outcome.notional_sold > 0.0)
    snapshot = dimensions.assets["price"].to_numpy()[asset]
    shocked, final = outcome.prices_shocked[asset, place], outcome.prices_final[asset, place]
    shock = shocked - snapshot
    was_shocked = np.abs(shock) > _LEAST * np.abs(snapshot)
    ratio = np.divide(final - snapshot, shock, out=np.full(len(asset), np.nan), where=was_shocked)
    return pl.DataFrame(
        {
            "scenario_id": words(scenarios.ids, outcome.scenarios[place]),
            "asset": _assets(dimensions, asset),
            "snapshot_price": snapshot,
            "shocked_price": shocked,
            "final_price": final,
            "net_quantity_sold": outcome.sold[asset, place],
            "notional_sold": outcome.notional_sold[asset, place],
            "amplification": pl.Series(ratio).fill_nan(None),
            "floored": outcome.floored[asset, place],
        }
    )


def carried(lost: Floats, notional: Floats, price_currency: Longs) -> Floats:
    """What survivors lose by the assets that were traded, f64[assets, S]: losses by others are theirs that moved them.

    An asset of which nothing was traded moves with the one that it is priced in, if that was traded, and so on. What no price currency explains (a
    contract settled in an asset that fell, its underlying did not) is shared out over all that was traded, by notional.

    Args:
        lost: f64[assets, S].
        notional: f64[assets, S] traded.
        price_currency: i64[assets], its own for the reporting currency.
    """
    found, total = np.where(notional > 0.0, lost, 0.0), notional.sum(axis=0)
    share = np.divide(notional, total, out=np.zeros_like(notional), where=total > 0.0)
    for asset in np.flatnonzero(((notional <= 0.0) & (lost > 0.0)).any(axis=1)).tolist():
        amount, at = np.where(notional[asset] > 0.0, 0.0, lost[asset]), int(price_currency[asset])
        while True:
            found[at] += np.where(notional[at] > 0.0, amount, 0.0)
            amount = np.where(notional[at] > 0.0, 0.0, amount)
            if at == price_currency[at]:
                break
            at = int(price_currency[at])
        found += share * amount
    return found


def contagion_table(outcome: Outcome, scenarios: Scenarios, dimensions: Dimensions) -> pl.DataFrame:
    """The table `contagion`: what survivors lose by an asset is shared out by what each trigger's pools traded of it."""
    codes = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
    price_currency = np.array([codes[name] for name in dimensions.assets["price_currency"]], dtype=np.int64)
    lost = carried(outcome.loss_of_survivors, outcome.notional_sold, price_currency)
    traded = outcome.traded
    place = np.searchsorted(outcome.scenarios, traded["scenario"].to_numpy())
    asset, notional = traded["asset"].to_numpy(), traded["notional"].to_numpy()
    total = outcome.notional_sold[asset, place]
    share = np.divide(notional, total, out=np.zeros(len(notional)), where=total > 0.0)
    return pl.DataFrame(
        {
            "scenario_id": words(scenarios.ids, traded["scenario"].to_numpy()),
            "trigger": _assets(dimensions, traded["trigger"].to_numpy()),
            "sold": _assets(dimensions, asset),
            "notional": notional,
            "pools": traded["pools"],
            "survivors_loss": share * lost[asset, place],
        }
    )


def vulnerability_table(contagion: pl.DataFrame, outcome: Outcome, scenarios: Scenarios, dimensions: Dimensions, equity: float) -> pl.DataFrame:
    """The table `cascade_vulnerability`; `equity` of all accounts at base."""
    trigger, place = np.nonzero(outcome.triggered)
    pools = pl.DataFrame(
        {
            "scenario_id": words(scenarios.ids, outcome.scenarios[place]),
            "asset": _assets(dimensions, trigger),
            "pools": outcome.triggered[trigger, place],
        }
    )
    sums: dict[tuple[str, str], list[float]] = {}
    for scenario, asset, notional, loss in contagion.select("scenario_id", "trigger", "notional", "survivors_loss").iter_rows():
        found = sums.setdefault((scenario, asset), [0.0, 0.0])
        found[0] += notional
        found[1] += loss
    rows = [sums.get((scenario, asset), [0.0, 0.0]) for scenario, asset in pools.select("scenario_id", "asset").iter_rows()]
    return pools.with_columns(
        pl.Series("notional_sold", [row[0] for row in rows], dtype=pl.Float64),
        pl.Series("survivors_loss", [row[1] for row in rows], dtype=pl.Float64),
        pl.Series("share_of_equity", [row[1] / equity if equity > 0.0 else None for row in rows], dtype=pl.Float64),
    )


def path_table(outcome: Outcome, scenarios: Scenarios, dimensions: Dimensions) -> pl.DataFrame:
    """The table `cascade_path`."""
    return outcome.path.with_columns(
        words(scenarios.ids, outcome.path["scenario"].to_numpy()).alias("scenario_id"), _assets(dimensions, outcome.path["asset"].to_numpy())
    ).drop("scenario")


def round_totals_table(outcome: Outcome, scenarios: Scenarios) -> pl.DataFrame:
    """The table `cascade_round_totals`."""
    found = outcome.round_totals
    return found.with_columns(words(scenarios.ids, found["scenario"].to_numpy()).alias("scenario_id")).drop("scenario")


def rounds_table(outcome: Outcome, scenarios: Scenarios, dimensions: Dimensions) -> pl.DataFrame:
    """The table `cascade_rounds`, of an outcome with its log."""
    log = outcome.log
    pool = log["pool"].to_numpy()
    account = dimensions.pools["account_code"].to_numpy()[pool]
    names = dimensions.instruments["instrument_id"]
    return log.with_columns(
        words(scenarios.ids, log["scenario"].to_numpy()).alias("scenario_id"),
        dimensions.accounts["account_id"].gather(account).alias("account_id"),
        dimensions.pools["pool_id"].gather(pool).alias("pool_id"),
        pl.Series("instrument_id", [None if code < 0 else names[code] for code in log["instrument"].to_list()], dtype=pl.String),
        _assets(dimensions, log["asset"].to_numpy()),
        _assets(dimensions, log["trigger"].to_numpy()).alias("trigger"),
    ).drop("scenario", "pool", "instrument")


def parameters_table(parameters: tuple[Parameter, ...]) -> pl.DataFrame:
    """The table `cascade_parameters`."""
    return pl.DataFrame([row._asdict() for row in parameters], infer_schema_length=None)


def _assets(dimensions: Dimensions, codes: npt.NDArray[np.integer]) -> pl.Series:
    return dimensions.assets["asset"].gather(pl.Series(codes, dtype=pl.UInt32)).alias("asset")
