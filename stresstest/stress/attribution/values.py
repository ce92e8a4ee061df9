"""What factors do to the values of positions and balances, line by line."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.explain import Holdings
from stresstest.scenarios.resolved import Resolved
from stresstest.stress.attribution.factors import FACTORS, Effects, FactorEffects

Codes = npt.NDArray[np.integer]

_OF_BALANCES = {"price": "collateral_price", "rate": "rate", "fx": "fx"}


def position_lines(effects: FactorEffects, holdings: Holdings, scenarios: pl.DataFrame) -> pl.DataFrame:
    """`pool, instrument, kind, asset` (whose factor it is) and `amount` in reporting currency: quantity * effect on the slope of quantity + cost *
    effect on that of cost + funding * effect on X of the settle asset. A row for every position and factor that moves it.

    Args:
        effects: of the book.
        holdings: what is held.
        scenarios: `pool, scenario` (by position) of every pool.
    """
    held = holdings.positions.join(scenarios, on="pool", how="left", maintain_order="left")
    case, instrument, scenario = _cases(held["instrument"].to_numpy(), held["scenario"].to_numpy())
    found = effects.of_instruments(instrument, scenario)
    moves = _frame(found, found.mean, ("quantity_effect", "cost_effect", "funding_effect"))
    amount = pl.col("quantity") * pl.col("quantity_effect") + pl.col("cost") * pl.col("cost_effect") + pl.col("funding") * pl.col("funding_effect")
    lines = held.with_columns(case=pl.Series(case)).join(moves, on="case", how="inner", maintain_order="left_right")
    return lines.select("pool", "instrument", kind=pl.Series(FACTORS).gather(lines["kind"]), asset="asset", amount=amount)


def balance_lines(effects: FactorEffects, holdings: Holdings, resolved: Resolved, scenarios: pl.DataFrame) -> pl.DataFrame:
    """`pool, kind, asset, amount` of the rows of collateral: prices, rates, currencies, and what is lost where deposits are held.

    The recoverable share h of a deposit is the last factor of the first order: a price that moves X by `forward` there and `reverse` in the other
    order has amount * (forward + h * reverse) / 2, the loss amount * (h - 1) * (X(0) + X(s)) / 2.

    Args:
        effects: of the book.
        holdings: what is held.
        resolved: factor values of every scenario.
        scenarios: `pool, scenario` (by position) of every pool.
    """
    held = holdings.collateral.join(scenarios, on="pool", how="left", maintain_order="left")
    asset, location, there, amount = (held[name].to_numpy() for name in ("asset", "location", "scenario", "amount"))
    share = np.ones(held.height)
    for (code, place), shares in resolved.holding_rows.items():
        rows = np.flatnonzero((asset == code) & (location == place) & (amount > 0.0))
        share[rows] = shares[there[rows]]
    case, *distinct = _cases(asset, there)
    found = effects.of_prices(*distinct)
    moves = _frame(found, np.concatenate([found.forward, found.reverse], axis=1), ("forward", "reverse"))
    valued = held.with_columns(case=pl.Series(case), share=pl.Series(share))
    lines = valued.join(moves, on="case", how="inner", maintain_order="left_right")
    kinds = pl.Series([_OF_BALANCES.get(factor) for factor in FACTORS], dtype=pl.String)
    of_prices = lines.select(
        "pool",
        kind=kinds.gather(lines["kind"]),
        asset="asset_right",
        amount=pl.col("amount") * (pl.col("forward") + pl.col("share") * pl.col("reverse")) / 2.0,
    )
    between = pl.Series((resolved.value[asset, 0] + resolved.value[asset, there]) / 2.0, dtype=pl.Float64)
    lost = valued.with_columns(between=between).filter(pl.col("share") != 1.0)
    of_places = lost.select(
        "pool",
        kind=pl.lit("holding_loss"),
        asset=pl.col("asset").cast(pl.Int64),
        amount=pl.col("amount") * (pl.col("share") - 1.0) * pl.col("between"),
    )
    return pl.concat([of_prices, of_places])


def _cases(code: Codes, scenario: Codes) -> tuple[Codes, Codes, Codes]:
    """The distinct pairs of code and scenario, and the place of every row's among them."""
    pairs, inverse = np.unique(np.stack([code, scenario]).astype(np.int64), axis=1, return_inverse=True)
    return inverse.ravel(), pairs[0], pairs[1]


def _frame(found: Effects, values: npt.NDArray[np.float64], names: tuple[str, ...]) -> pl.DataFrame:
    steps = {name: values[:, column] for column, name in enumerate(names)}
    return pl.DataFrame({"case": found.case, "kind": found.kind, "asset": found.asset.astype(np.int64), **steps})
