"""Requirements that no schedule charges: scans of `portfolio` models, and add-ons of models of any kind (docs/methodology.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl

from stresstest.margin.explain import add_ons, grid, groups
from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.grid import GROUP, POOL
from stresstest.margin.explain.grid_terms import Market, depegs, loss_factors, shift_rows, with_terms
from stresstest.margin.explain.grid_vols import row_vols
from stresstest.margin.explain.sums import total
from stresstest.margin.grid_values import grid_values, hedge_groups, spot_shifts, vol_shifts
from stresstest.margin.rulebook import AddOn, Model, PortfolioModel
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.selectors import Universe

SCAN = [*POOL, "scan"]


@dataclass(frozen=True)
class PortfolioParts:
    """What requirements that no schedule charges are made of; keys are codes. The columns are told by `Explanation`."""

    groups: pl.DataFrame
    credits: pl.DataFrame
    rows: pl.DataFrame
    expiries: pl.DataFrame
    grid_positions: pl.DataFrame
    scans: pl.DataFrame
    add_ons: pl.DataFrame
    add_on_tiers: pl.DataFrame
    worst_rows: pl.DataFrame


NO_PARTS = PortfolioParts(
    **{field.name: add_ons.NO_NETS for field in fields(PortfolioParts) if field.name != "worst_rows"},
    worst_rows=pl.DataFrame(schema={"pool": pl.Int32, "scenario": pl.Int32, "worst_row": pl.String, "worst_scan_loss": pl.Float64}),
)
"""Where no account has a model with a grid or add-ons."""


def portfolio_parts(models: Mapping[str, Model], market: Market, positions: pl.DataFrame, balances: pl.DataFrame) -> PortfolioParts:
    """The parts of all pools under these models.

    Args:
        models: by name.
        market: what to value in.
        positions: valued positions of every pool and scenario, with the `model` of their account.
        balances: collateral row by row, with the `model` too.

    Raises:
        KeyError: a depeg of an asset that the book does not have.
    """
    parts = []
    for name, model in models.items():
        held = positions.filter(pl.col("model") == name)
        if isinstance(model, PortfolioModel):
            parts.append(_of_grid(model, market, held, balances.filter(pl.col("model") == name)))
        else:
            parts.append(_of_add_ons(model.add_ons, market, held))
    frames = {field.name: pl.concat([getattr(part, field.name) for part in parts], how="diagonal_relaxed") for field in fields(PortfolioParts)}
    return PortfolioParts(**frames)


def _of_add_ons(lines: Sequence[AddOn], market: Market, positions: pl.DataFrame) -> PortfolioParts:
    """The add-ons of a model without a grid."""
    ones = pl.DataFrame({"scenario": market.scenarios}, schema={"scenario": pl.Int32}).with_columns(
        pl.lit(1.0).alias(f"loss_factor_{version}") for version in VERSIONS
    )
    nets, tiers = _add_ons(lines, ones, market, with_terms(positions, market, grid.NO_DELTAS))
    return replace(NO_PARTS, add_ons=nets, add_on_tiers=tiers)


def _of_grid(model: PortfolioModel, market: Market, positions: pl.DataFrame, balances: pl.DataFrame) -> PortfolioParts:
    if market.units is None:
        raise ValueError("accounts of a portfolio model cannot be explained without `units`")
    held = np.unique(positions["instrument"].to_numpy())
    values = grid_values(model, market.dimensions, market.resolved, market.units, held)
    positions = with_terms(positions, market, grid.unit_deltas(values, market.scenarios))
    shifts = spot_shifts(model, market.dimensions)
    hedges = grid.hedge_moves(balances, hedge_groups(model, market.dimensions), shifts, values.column_row)
    moves = pl.concat([grid.position_moves(positions, grid.unit_changes(values, market.scenarios)), hedges], how="diagonal_relaxed")
    expiries = grid.expiry_moves(moves, model)
    rows = grid.row_moves(expiries).with_columns(scan=groups.scan_names(model))
    rows = rows.join(shift_rows(shifts), on=["risk_group", "row"], how="left", maintain_order="left").with_columns(
        counted=pl.when(pl.col("pnl") > 0).then(pl.col("pnl") * groups.offset_rates(model)).otherwise("pnl")
    )
    of_groups, credit_lines = _groups(model, rows, positions, hedges)
    factors = loss_factors(model, market)
    nets, tiers = _add_ons(model.add_ons, factors, market, positions)
    floors = nets.filter(pl.col("combine") == "floor").with_columns(scan=groups.scan_names(model))
    scans = _with_floors(groups.scans(of_groups, rows, model), floors, factors)
    # What is shown of a group is the row that sets the scan it is part of: with offsets that of its list.
    of_scans = scans.select(*SCAN, list_row="worst_row")
    of_groups = of_groups.join(of_scans, on=SCAN, how="left", maintain_order="left").with_columns(
        row=pl.col("list_row" if model.offsets else "worst_row")
    )
    shown = expiries.join(of_groups.select(*GROUP, "row"), on=[*GROUP, "row"], how="semi", maintain_order="left")
    in_rows = moves.join(shown, on=[*grid.EXPIRY, "row", "column"], how="semi", nulls_equal=True, maintain_order="left")
    states = positions.select(*POOL, "instrument", "vol", "forward", "strike", "normal")
    in_rows = in_rows.join(states, on=[*POOL, "instrument"], how="left", maintain_order="left")
    in_rows = row_vols(in_rows, model, vol_shifts(model, market.dimensions))
    return PortfolioParts(
        groups=of_groups.drop("list_row").with_columns(_names(model, of_groups[name]).alias(name) for name in ("worst_row", "row")),
        credits=credit_lines,
        rows=rows.with_columns(_names(model, rows["row"]).alias("row"), number=pl.col("row") + 1),
        expiries=shown.with_columns(_names(model, shown["row"]).alias("row")),
        grid_positions=in_rows.with_columns(_names(model, in_rows["row"]).alias("row")),
        scans=scans.with_columns(worst_row=_names(model, scans["worst_row"])),
        add_ons=nets,
        add_on_tiers=tiers,
        worst_rows=groups.worst_rows(scans, model.row_names),
    )


def _names(model: PortfolioModel, rows: pl.Series) -> pl.Series:
    return pl.Series(model.row_names, dtype=pl.String).gather(rows)


def _groups(model: PortfolioModel, rows: pl.DataFrame, positions: pl.DataFrame, hedges: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Every group with what its scan loss becomes, and the credits."""
    found = groups.scan_losses(rows).with_columns(scan=groups.scan_names(model), loss=pl.col("scan_loss"), credit=pl.lit(0.0))
    tokens = hedges.filter(pl.col("column") == 0)
    if model.max_loss_cap:
        most = groups.maximum_losses(positions, tokens.filter(pl.col("quantity") != 0))
        found = found.join(most, on=GROUP, how="left", maintain_order="left").with_columns(loss=pl.min_horizontal("loss", "maximum_loss"))
    if model.correlation is not None:
        return groups.correlated(found, model), pl.DataFrame()
    if not model.credits:
        return found, pl.DataFrame()
    deltas = pl.concat([positions.select(*GROUP, "delta"), tokens.select(*GROUP, delta="value")])
    deltas = deltas.group_by(GROUP, maintain_order=True).agg(delta=total("delta"))
    return groups.spread_credits(found.join(deltas, on=GROUP, how="left", maintain_order="left"), model)


def _add_ons(model_lines: Sequence[AddOn], factors: pl.DataFrame, market: Market, positions: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The nets of every line with what they need, `unscaled_*` = amount * loss factor of the line, and their tiers."""
    universe = Universe(market.dimensions, MarginNames(), market.resolved.value[:, 0])
    nets, tiers = [], []
    for number, line in enumerate(model_lines, start=1):
        codes = pl.Series("instrument", np.flatnonzero(universe.instruments_passing(line.where)), dtype=pl.Int32)
        passing = positions.filter(pl.col("instrument").is_in(codes.implode()))
        lines, parts = add_ons.line_amounts(line, add_ons.nets_of(line, passing), depegs(line.depeg, market))
        lines = lines.join(factors, on="scenario", how="left", maintain_order="left")
        if not line.loss_factor:
            lines = lines.with_columns(pl.lit(1.0).alias(f"loss_factor_{version}") for version in VERSIONS)
        unscaled = ((pl.col(f"amount_{version}") * pl.col(f"loss_factor_{version}")).alias(f"unscaled_{version}") for version in VERSIONS)
        nets.append(lines.with_columns(*unscaled, number=pl.lit(number)))
        tiers.append(parts.with_columns(number=pl.lit(number)))
    return pl.concat([add_ons.NO_NETS, *nets], how="diagonal_relaxed"), pl.concat([add_ons.NO_NETS, *tiers], how="diagonal_relaxed")


def _with_floors(scans: pl.DataFrame, floors: pl.DataFrame, factors: pl.DataFrame) -> pl.DataFrame:
    """Scans with their loss factors, `floor_*` (the sum of their floor lines) and `unscaled_*` = max(loss factor * loss, floor)."""
    sums = floors.group_by(SCAN, maintain_order=True).agg(total(f"unscaled_{version}").alias(f"floor_{version}") for version in VERSIONS)
    rows = scans.join(factors, on="scenario", how="left", maintain_order="left").join(sums, on=SCAN, how="left", maintain_order="left")
    return rows.with_columns(
        pl.max_horizontal(pl.col(f"loss_factor_{version}") * pl.col("loss"), f"floor_{version}").alias(f"unscaled_{version}") for version in VERSIONS
    )
