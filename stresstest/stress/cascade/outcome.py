"""What a cascade did, scenario by scenario; put together from batches of scenarios."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Codes = npt.NDArray[np.int32]

PATH = {
    "scenario": pl.Int32, "round": pl.Int32, "asset": pl.Int32, "net_quantity_sold": pl.Float64, "notional": pl.Float64,
    "execution_price": pl.Float64, "price_before": pl.Float64, "price_after": pl.Float64,
}  # fmt: skip
ROUND_TOTALS = {
    "scenario": pl.Int32, "round": pl.Int32, "waiting": pl.Int64, "pools": pl.Int64, "accounts": pl.Int64, "margin_shortfall": pl.Float64,
    "notional": pl.Float64, "fees": pl.Float64, "debts_repaid": pl.Float64, "collateral_sold": pl.Float64, "equity_before": pl.Float64,
    "equity_after": pl.Float64,
}  # fmt: skip
TRADED = {
    "scenario": pl.Int32, "trigger": pl.Int32, "asset": pl.Int32, "notional": pl.Float64, "pools": pl.Int64,
}  # fmt: skip
LOG = {
    "scenario": pl.Int32, "round": pl.Int32, "pool": pl.Int32, "action": pl.String, "instrument": pl.Int32, "asset": pl.Int32,
    "quantity": pl.Float64, "execution_price": pl.Float64, "notional": pl.Float64, "fee": pl.Float64, "equity_before": pl.Float64,
    "equity_after": pl.Float64, "margin_shortfall": pl.Float64, "trigger": pl.Int32,
}  # fmt: skip


@dataclass(frozen=True)
class AccountsPart:
    """Consecutive accounts in some scenarios, [accounts, scenarios] unless said otherwise, reporting currency.

    `first`: code of the first; `scenarios` i32: their places in the run. `equity_base` [accounts].
    `loss_shocked`, `loss_final`: what its pools are below zero, isolated ones included; `cross_shocked`, `cross_final`: equity of its cross pool,
    whose owner is liable for it; `tolerance` [accounts] of that pool: below zero by more, and it is in default.
    `breached`: a pool breaches in the scenario itself; `liquidated`: a pool was liquidated, wholly or in part.
    """

    first: int
    scenarios: Codes
    equity_base: Floats
    equity_shocked: Floats
    equity_final: Floats
    loss_shocked: Floats
    loss_final: Floats
    cross_shocked: Floats
    cross_final: Floats
    breached: Flags
    liquidated: Flags
    tolerance: Floats


@dataclass(frozen=True)
class Outcome:
    """What a cascade did to a book.

    [scenarios], those that were asked for, in their order: `scenarios` their places in the run; `rounds` in which something was liquidated;
    `halted` rounds in which nothing could be; `converged`: nothing was left to liquidate. Counts of pools and accounts liquidated,
    `accounts_by_feedback` of which no pool breaches in the scenario itself. `direct_loss`, `feedback_loss`: sums of max(0, E_base - E_shocked) and of
    max(0, E_shocked - E_final) over accounts. `loss_shocked`, `loss_final`: what pools are below zero. `fees` paid, `fees_to_insurance` of them;
    `collateral_bonus`: what buyers of collateral kept; `option_spread`: what closing options cost beside their model price. `unfunded_debts`:
    debts of pools without anything left to sell. Reporting currency.

    f64[assets, scenarios]: `prices_shocked`, `prices_final` in each asset's price currency; `sold` net units; `notional_sold` of all orders, bought
    or sold, collateral too; `loss_of_survivors`: what positions and collateral of accounts that withstand the scenario itself lose between the
    shocked prices and the end (or until they are closed), gains elsewhere not netted. `floored`, `exhausted` bool at any time, `missing`: see
    `market`.
    `triggered`: liquidated pools by trigger.

    Frames by code, sorted: `path` (`PATH`), `round_totals` (`ROUND_TOTALS`), `traded` (`TRADED`: what pools of each trigger traded), `log` (`LOG`; no
    rows unless it was asked for). `scenario` is the place in the run.
    """

    scenarios: Codes
    rounds: Longs
    halted: Longs
    converged: Flags
    pools_liquidated: Longs
    accounts_liquidated: Longs
    accounts_by_feedback: Longs
    direct_loss: Floats
    feedback_loss: Floats
    loss_shocked: Floats
    loss_final: Floats
    fees: Floats
    fees_to_insurance: Floats
    collateral_bonus: Floats
    option_spread: Floats
    unfunded_debts: Floats
    prices_shocked: Floats
    prices_final: Floats
    sold: Floats
    notional_sold: Floats
    loss_of_survivors: Floats
    triggered: Longs
    floored: Flags
    exhausted: Flags
    missing: Flags
    path: pl.DataFrame
    round_totals: pl.DataFrame
    traded: pl.DataFrame
    log: pl.DataFrame


def together(batches: Sequence[Outcome]) -> Outcome:
    """The outcomes of consecutive scenarios as one."""
    found: dict[str, Any] = {}
    for field in fields(Outcome):
        parts = [getattr(batch, field.name) for batch in batches]
        found[field.name] = pl.concat(parts) if isinstance(parts[0], pl.DataFrame) else np.concatenate(parts, axis=-1)
    return Outcome(**found)


def frame(schema: dict[str, Any], rows: Sequence[dict[str, npt.NDArray[Any]]]) -> pl.DataFrame:
    """Rows of several rounds, each a mapping of columns of one length, as one frame; no rows of the schema where there are none."""
    parts = [pl.DataFrame({name: pl.Series(name, part[name], dtype=kind) for name, kind in schema.items()}) for part in rows]
    return pl.concat([pl.DataFrame(schema=schema), *parts])
