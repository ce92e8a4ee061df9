"""The vols of options in a row of a grid: docs/methodology.md, "What a row moves"."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.grid import Floats
from stresstest.margin.rulebook import PortfolioModel
from stresstest.scenarios.model import Term
from stresstest.valuation.marks import MAX_VOL


def row_vols(options: pl.DataFrame, model: PortfolioModel, shifts: dict[str, Floats]) -> pl.DataFrame:
    """Adds `row_vol`: what the row makes of `vol`, null where there is none.

    Args:
        options: `risk_group, row` (its number)`, vol, forward, strike, years, normal`, those of the state.
        model: the model, whose grid says how vols move.
        shifts: v of every row by risk group, before `vol_term`.
    """
    moves = pl.DataFrame(
        [
            (group, row, float(shift), model.grid[row].skew)
            for group, moves in shifts.items()
            for row, shift in enumerate(moves)
        ],
        schema={"risk_group": pl.String, "row": pl.Int32, "shift": pl.Float64, "skew": pl.String},
        orient="row",
    )  # fmt: skip
    vol, shift = pl.col("vol"), pl.col("shift")
    size = shift * _term(model.vol_term)
    moved = vol * (1.0 + size) if model.vol_shift == "relative" else vol + size
    moved = pl.when(shift > 0).then(moved.clip(model.vol_floor.up)).otherwise(moved)
    if model.skew is not None:
        moved = pl.when(pl.col("skew").is_not_null()).then(vol * (1.0 + _skewed(model))).otherwise(moved)
    clamped = moved.clip(0.0, pl.when("normal").then(float("inf")).otherwise(MAX_VOL))
    return options.join(moves, on=["risk_group", "row"], how="left", maintain_order="left").with_columns(row_vol=clamped).drop("shift", "skew")


def _term(term: Term | None) -> pl.Expr:
    """t = (reference_days / max(days, min_days))^p."""
    if term is None:
        return pl.lit(1.0)
    days = pl.col("years") * 365.0
    long = term.power if term.power_long is None else term.power_long
    power = pl.when(days < term.reference_days).then(term.power).otherwise(long)
    return (term.reference_days / days.clip(term.min_days)) ** power


def _skewed(model: PortfolioModel) -> pl.Expr:
    """sign(k) * min(cap, |k| * cap / k_star), without the sign in its absolute form; zero where strike or forward is not positive."""
    if model.skew is None:
        raise ValueError("the model has no skew")
    rule, root = model.skew, pl.col("years").sqrt()
    absolute = pl.col("skew") == "absolute"
    positive = (pl.col("strike") > 0) & (pl.col("forward") > 0)
    k = pl.when(positive).then((pl.col("strike") / pl.col("forward")).log()).otherwise(0.0)
    cap = pl.when(absolute).then(rule.absolute.base + rule.absolute.slope * root).otherwise(rule.linear.base + rule.linear.slope * root)
    star = (rule.width * root * (rule.static + rule.scale * root)).clip(rule.min_width)
    return pl.when(absolute).then(1.0).otherwise(k.sign()) * pl.min_horizontal(cap, k.abs() * cap / star)
