"""Rows of the result tables from the figures of a block."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.compile import Compiled
from stresstest.margin.kernels.accumulators import WORST_ROW
from stresstest.margin.kernels.figures import (
    BALANCE,
    COLLATERAL,
    INITIAL_BALANCE,
    INITIAL_MARGIN,
    INITIAL_SHORTFALL,
    LOSS,
    MAINTENANCE_MARGIN,
    MARGIN_SHORTFALL,
    POSITIONS,
    STRESS_LOSS,
)
from stresstest.margin.kernels.totals import Kept
from stresstest.snapshot.book import Dimensions
from stresstest.stress.evaluation import Evaluated, RowArrays, dense_rows
from stresstest.stress.holders import BlockHoldings, Holders
from stresstest.tables import MEASURES, STATUSES

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Keep = Literal["all", "breaches", "worst"]

BASE, WORST_HEADLINE, WORST = 0, 1, 2


@dataclass(frozen=True)
class Names:
    """Names of the codes: [accounts] owner, account, name, segment, pools, positions; [pools] account code and pool; scenario ids in file order;
    rows of grids in the order of their codes.
    """

    accounts: pl.DataFrame
    pools: pl.DataFrame
    scenarios: tuple[str, ...]
    grid_rows: tuple[str, ...]


def names_of(dimensions: Dimensions, scenarios: tuple[str, ...], grid_rows: tuple[str, ...]) -> Names:
    """The names of a book, its scenarios and the rows of its margin grids."""
    return Names(
        dimensions.accounts.select("owner_id", "account_id", "name", "segment", "pools", "positions"),
        dimensions.pools.select("account_code", "pool_id"),
        scenarios,
        grid_rows,
    )


def measures(figures: Floats, base: Floats) -> dict[str, Floats]:
    """The columns `tables.MEASURES` from figures [rows, RECORDED] and position and collateral value at base [rows, 2]."""
    position_pnl = figures[:, POSITIONS] - base[:, 0]
    collateral_pnl = figures[:, COLLATERAL] - base[:, 1]
    columns = {
        "equity": figures[:, POSITIONS] + figures[:, COLLATERAL],
        "pnl": position_pnl + collateral_pnl,
        "position_pnl": position_pnl,
        "collateral_pnl": collateral_pnl,
        "collateral_value": figures[:, COLLATERAL],
        "margin_balance_initial": figures[:, INITIAL_BALANCE],
        "margin_balance": figures[:, BALANCE],
        "initial_margin": figures[:, INITIAL_MARGIN],
        "maintenance_margin": figures[:, MAINTENANCE_MARGIN],
        "initial_shortfall": figures[:, INITIAL_SHORTFALL],
        "margin_shortfall": figures[:, MARGIN_SHORTFALL],
        "uncollateralised_loss": figures[:, LOSS],
        "stress_loss_over_margin": figures[:, STRESS_LOSS],
    }
    # Adding zero turns -0.0 into 0.0, which would show as a negative amount.
    return {column.name: columns[column.name] + 0.0 for column in MEASURES}


def words(names: tuple[str, ...], codes: npt.NDArray[np.integer]) -> pl.Series:
    """Names of codes; null where the code is negative."""
    if not names:
        return pl.Series([None] * len(codes), dtype=pl.String)
    known = pl.Series(names, dtype=pl.String).gather(pl.Series(np.maximum(codes, 0).astype(np.uint32)))
    return known if not len(codes) or codes.min() >= 0 else pl.select(pl.when(pl.Series(codes >= 0)).then(known)).to_series()


def _gathered(frame: pl.DataFrame, codes: Codes) -> pl.DataFrame:
    return frame[codes.astype(np.uint32)]


def _scenario_columns(names: Names, rows: RowArrays, base: Floats) -> list[pl.Series]:
    columns = [words(names.scenarios, rows.scenario).alias("scenario_id")]
    columns += [pl.Series(name, values) for name, values in measures(rows.figures, base).items()]
    columns += [
        words(STATUSES, rows.status).alias("status"),
        words(names.grid_rows, rows.figures[:, WORST_ROW].astype(np.int32) - 1).alias("worst_row"),
    ]
    return columns


def account_frame(names: Names, rows: RowArrays, base: Floats) -> pl.DataFrame:
    """Rows of `account_scenario`; holders are account codes."""
    return _gathered(names.accounts.select("owner_id", "account_id"), rows.holder).with_columns(_scenario_columns(names, rows, base))


def pool_frame(names: Names, rows: RowArrays, base: Floats) -> pl.DataFrame:
    """Rows of `pool_scenario`; holders are pool codes."""
    pools = _gathered(names.pools, rows.holder)
    owners = _gathered(names.accounts.select("owner_id", "account_id"), pools["account_code"].to_numpy())
    return owners.with_columns(pools["pool_id"], *_scenario_columns(names, rows, base))


def _worst_rows(kept: Kept, first_account: int) -> RowArrays:
    """Base, worst headline and worst of every account, each scenario once."""
    scenario = kept.scenario
    use = np.ones_like(scenario, dtype=np.bool_)
    use[:, WORST_HEADLINE] = scenario[:, WORST_HEADLINE] >= 0
    use[:, WORST] = (scenario[:, WORST] >= 0) & (scenario[:, WORST] != scenario[:, WORST_HEADLINE])
    account, which = np.nonzero(use)
    order = np.lexsort((scenario[account, which], account))
    account, which = account[order], which[order]
    return RowArrays((account + first_account).astype(np.int32), scenario[account, which], kept.figures[account, which], kept.status[account, which])


def account_frames(
    compiled: Compiled, holders: Holders, names: Names, block: BlockHoldings, evaluated: Evaluated, keep: Keep
) -> Iterator[pl.DataFrame]:
    """The rows of `account_scenario` that `keep` stores, in order, chunk by chunk where they are many."""
    first = int(block.accounts.code[0])
    if keep == "worst" or (keep == "breaches" and evaluated.rows is not None):
        rows = evaluated.rows if keep == "breaches" and evaluated.rows is not None else _worst_rows(evaluated.kept, first)
        yield account_frame(names, rows, evaluated.kept.figures[rows.holder - first, BASE, :2])
        return
    for rows, base in dense_rows(compiled, holders, block, breaches_only=keep == "breaches"):
        yield account_frame(names, rows, base)


def pool_frames(compiled: Compiled, holders: Holders, names: Names, block: BlockHoldings, stored: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows of `pool_scenario` for accounts with isolated pools, in the scenarios that `stored` (account_id, scenario_id) holds."""
    several = np.flatnonzero(np.diff(block.accounts.first_pool) > 1)
    if not len(several):
        return
    # Only accounts that `stored` names: it may be one chunk of several.
    ids = names.accounts["account_id"].gather(block.accounts.code[several].astype(np.uint32))
    several = several[ids.is_in(stored["account_id"].unique().implode()).to_numpy()]
    for rows, base in dense_rows(compiled, holders, block.select(several), pool_rows=True):
        frame = pool_frame(names, rows, base).join(stored, on=["account_id", "scenario_id"], how="semi", maintain_order="left")
        if frame.height:
            yield frame


def summary_frame(names: Names, first_account: int, kept: Kept, gross: Floats) -> pl.DataFrame:
    """Rows of `account_summary`: base figures, worst headline scenario, worst scenario."""
    codes = np.arange(first_account, first_account + len(gross), dtype=np.int32)
    frame = _gathered(names.accounts, codes).with_columns(pl.col("pools", "positions").cast(pl.Int64))
    base = kept.figures[:, BASE, :2]
    columns = [pl.Series("gross_notional", gross)]
    at_base = measures(kept.figures[:, BASE], base)
    no_change = ("pnl", "position_pnl", "collateral_pnl", "stress_loss_over_margin")
    columns += [pl.Series(name, values) for name, values in at_base.items() if name not in no_change]
    columns.append(words(STATUSES, kept.status[:, BASE]).alias("status"))
    for prefix, which in (("worst_headline", WORST_HEADLINE), ("worst", WORST)):
        scenario = kept.scenario[:, which]
        none = pl.Series(scenario < 0)
        columns.append(words(names.scenarios, scenario).alias(f"{prefix}_scenario_id"))
        figures = [pl.Series(f"{prefix}_{name}", values) for name, values in measures(kept.figures[:, which], base).items()]
        figures.append(words(STATUSES, kept.status[:, which]).alias(f"{prefix}_status"))
        if none.any():
            figures = list(pl.DataFrame(figures).select(pl.when(~none).then(pl.all())).iter_columns())
        columns += figures
    return frame.with_columns(columns)
