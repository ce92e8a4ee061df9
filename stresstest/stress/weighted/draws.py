"""Accounts and the book over scenarios that have a weight: probabilities, expected shortfall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.margin.kernels.lanes import Lanes
from stresstest.margin.kernels.totals import MOMENTS, P_DEFAULT, P_LIQUIDATION, P_LOSS, P_SHORT, PP_SHORT, PP_SHORT_SQUARED
from stresstest.stress.weighted.families import Family
from stresstest.stress.weighted.statistics import Estimate, Losses, probability
from stresstest.tables import ACCOUNT_PROBABILITIES, DRAW_FIGURES, DRAW_LEVELS, DRAW_STATISTICS, Table

Row = dict[str, str | int | float | None]
Floats = npt.NDArray[np.float64]


_TYPES = {"string": pl.String(), "float": pl.Float64(), "integer": pl.Int64()}


class DrawSums(NamedTuple):
    """Accounts that fail or are short in a scenario with a weight.

    `account` codes, ascending; `sums` [accounts, families, MOMENTS], see `totals.Draws`.
    """

    account: npt.NDArray[np.int32]
    sums: Floats


def frame_of(rows: Sequence[Mapping[str, object]], table: Table) -> pl.DataFrame:
    """Rows as a table of statistics, none of them too."""
    return pl.DataFrame(rows, schema={column.name: _TYPES[column.type] for column in table.columns})


def lane_weights(families: Sequence[Family], lanes: Lanes) -> Floats:
    """Probabilities [families, blocks, width], zero in lanes of other scenarios and in padding."""
    found = np.zeros((len(families), lanes.blocks, lanes.width))
    for place, family in enumerate(families):
        of_scenario = np.zeros(int(lanes.scenario.max()) + 1)
        of_scenario[family.scenarios] = family.weights
        for block, used in enumerate(lanes.used):
            found[place, block, :used] = of_scenario[lanes.scenario[block, :used]]
    return found


def of_accounts(codes: npt.NDArray[np.int32], sums: Floats) -> DrawSums:
    """The accounts whose sums are not all zero, of those with these codes."""
    some = sums.any(axis=(1, 2))
    return DrawSums(codes[some], sums[some])


def joined_sums(parts: Sequence[DrawSums]) -> DrawSums:
    """The sums of several blocks, in their order."""
    if not parts:
        return DrawSums(np.zeros(0, dtype=np.int32), np.zeros((0, 0, MOMENTS)))
    return DrawSums(np.concatenate([part.account for part in parts]), np.concatenate([part.sums for part in parts]))


def draw_statistics(families: Sequence[Family], scenario_summary: pl.DataFrame) -> pl.DataFrame:
    """The table `draw_statistics`, from the totals of every scenario in file order."""
    rows: list[Row] = []
    totals = {name: scenario_summary["pnl" if name == "loss" else name].cast(pl.Float64).to_numpy() for name in DRAW_FIGURES}
    totals["loss"] = 0.0 - totals["loss"]
    for family in families:
        about: Row = {"family": family.name, "horizon_days": family.horizon_days, "scenarios": len(family.scenarios)}
        about |= {"effective_scenarios": family.effective, "stated_weight": family.stated}
        for figure in DRAW_FIGURES:
            values = totals[figure][family.scenarios]
            losses = Losses(values, family.weights)
            found: list[tuple[str, float | None, Estimate | None]] = [("mean", None, losses.mean())]
            if figure == "owners_in_default":
                above = float(np.cumsum(np.where(values > 0.0, family.weights, 0.0))[-1])
                found.append(("probability", None, probability(above, family.effective)))
            else:
                found.append(("standard_deviation", None, losses.standard_deviation()))
                for level in DRAW_LEVELS:
                    found += [("value_at_risk", level, losses.value_at_risk(level)), ("expected_shortfall", level, losses.expected_shortfall(level))]
            rows += [
                about
                | {"figure": figure, "measure": measure, "level": level, "value": estimate.value + 0.0, "standard_error": estimate.standard_error}
                | {"scenarios_in_tail": losses.scenarios_in_tail(level) if measure == "expected_shortfall" and level is not None else None}
                for measure, level, estimate in found
                if estimate is not None
            ]
    return frame_of(rows, DRAW_STATISTICS)


def account_probabilities(families: Sequence[Family], draws: DrawSums, accounts: pl.DataFrame, statuses: pl.Series) -> pl.DataFrame:
    """The table `account_probabilities`.

    Args:
        families: of the run.
        draws: sums of the accounts over them.
        accounts: the book's accounts by code: owner_id, account_id.
        statuses: status at base of every account, by code.
    """
    frames = [frame_of([], ACCOUNT_PROBABILITIES)]
    for place, family in enumerate(families):
        some = draws.sums[:, place].any(axis=1)
        sums = draws.sums[some, place]
        codes = pl.Series(draws.account[some].astype(np.uint32))
        liquidation, default = (np.clip(sums[:, each], 0.0, 1.0) for each in (P_LIQUIDATION, P_DEFAULT))
        errors = [np.sqrt(p * (1.0 - p) / family.effective) for p in (liquidation, default)]
        mean, squares = sums[:, P_SHORT], float(np.cumsum(family.weights**2)[-1])
        # sum of p^2 (x - mean)^2; what rounding leaves of nothing may be below zero.
        variance = np.maximum((sums[:, PP_SHORT_SQUARED] - 2.0 * mean * sums[:, PP_SHORT]) + mean * mean * squares, 0.0)
        columns = {
            "p_liquidation": liquidation,
            "p_liquidation_standard_error": errors[0],
            "p_default": default,
            "p_default_standard_error": errors[1],
            "survival_probability": 1.0 - liquidation,
            "margin_shortfall": mean,
            "margin_shortfall_standard_error": np.sqrt(variance),
            "uncollateralised_loss": sums[:, P_LOSS],
        }
        frames.append(
            accounts.select("owner_id", "account_id")[codes]
            .with_columns(
                pl.lit(family.name).alias("family"),
                pl.lit(family.horizon_days).alias("horizon_days"),
                statuses.gather(codes).alias("base_status"),
                *(pl.Series(name, values) for name, values in columns.items()),
            )
            .select(ACCOUNT_PROBABILITIES.names)
        )
    return pl.concat(frames)
