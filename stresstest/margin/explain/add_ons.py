"""Add-ons of a model of any kind, line by line and net by net (docs/methodology.md, section 4)."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.grid import GROUP
from stresstest.margin.explain.sums import total
from stresstest.margin.rulebook import AddOn

NETS: dict[str, tuple[str, ...]] = {
    "position": ("underlying", "expiry", "strike", "instrument"),
    "strike": ("underlying", "expiry", "strike"),
    "expiry": ("underlying", "expiry"),
    "underlying": ("underlying",),
    "risk_group": (),
}
"""What positions of one risk group have in common inside a net."""

_QUANTITY = pl.col("quantity")
_INVERSE = (pl.col("payoff") == "inverse") & (pl.col("kind") != "option")
_NOTIONAL = _QUANTITY * pl.col("unit_notional")
MEASURES: dict[str, pl.Expr] = {
    "notional": _NOTIONAL,
    "underlying_notional": pl.when(_INVERSE).then(_NOTIONAL).otherwise(_QUANTITY * pl.col("contract_size") * pl.col("underlying_value")),
    "value": pl.when(_INVERSE).then(_NOTIONAL).otherwise("market_value"),
    "contracts": _QUANTITY,
    "units": _QUANTITY * pl.col("contract_size"),
    "delta": pl.col("delta"),
}
"""What a line measures, with the position's sign; reporting currency, but for `contracts` and `units`."""

NO_NETS = pl.DataFrame(
    schema={
        "pool": pl.Int32,
        "scenario": pl.Int32,
        "risk_group": pl.String,
        "line": pl.String,
        "combine": pl.String,
        "unscaled_maintenance": pl.Float64,
        "unscaled_initial": pl.Float64,
    }
)
"""What every net has."""


def nets_of(line: AddOn, positions: pl.DataFrame) -> pl.DataFrame:
    """The nets that a line charges: `line`, what they have in common, `long`, `short` (part: hedged) and their `measure` with its sign.

    Args:
        line: the add-on.
        positions: those that pass its `where`, with what `MEASURES` read (`delta` is that of the whole position), `confidence` (the lower of
            the instrument's and its underlying's; null = none) and the underlying's `daily_volume`.
    """
    measured = positions.filter(_QUANTITY != 0).with_columns(measure=MEASURES[line.of])
    if line.confidence_below is not None:
        unsure = pl.col("confidence") < line.confidence_below
        measured = measured.filter(unsure.fill_null(value=False)).with_columns(measure=pl.col("measure") * (1.0 - pl.col("confidence")))
    common = NETS[line.net]
    nets = measured.group_by(*GROUP, *common, maintain_order=True).agg(
        pl.col("daily_volume").first(), measure=total("measure"), quantity=total("quantity")
    )
    if line.side is not None:
        sided = pl.col("quantity" if line.net == "position" else "measure")
        nets = nets.filter(sided > 0 if line.side == "long" else sided < 0)
    if line.part == "hedged":
        nets = (
            nets.group_by(GROUP, maintain_order=True)
            .agg(long=total(pl.col("measure").clip(0.0)), short=total((-pl.col("measure")).clip(0.0)))
            .with_columns(measure=pl.min_horizontal("long", "short"))
        )
    return nets.drop("quantity", strict=False).with_columns(line=pl.lit(line.name))


def line_amounts(line: AddOn, nets: pl.DataFrame, depegs: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Nets with `size` = |measure|, `depeg` and `amount_*` (reporting currency, before loss factor and margin rate), and their tiers.

    rate (or amount) times size, or marginal tiers of it, thresholds times `unit` (basis days: daily volume * participation); times the depeg.

    Args:
        line: the add-on.
        nets: see `nets_of`.
        depegs: `scenario, depeg`, what multiplies the line.
    """
    nets = nets.with_row_index("net_number").join(depegs, on="scenario", how="left", maintain_order="left")
    nets = nets.with_columns(size=pl.col("measure").abs(), of=pl.lit(line.of), net=pl.lit(line.net), combine=pl.lit(line.combine))
    if not line.tiers:
        rate = line.rate or line.amount
        if rate is None:
            raise ValueError(f"add-on {line.name} has no rate")
        rated = nets.with_columns(pl.lit(getattr(rate, version)).alias(f"rate_{version}") for version in VERSIONS)
        return _with_amounts(rated, {version: pl.col("size") * pl.col(f"rate_{version}") for version in VERSIONS}), NO_NETS
    edges = [tier.from_ for tier in line.tiers]
    steps = pl.DataFrame(
        [
            (number, lower, upper, tier.maintenance_rate, tier.initial_rate)
            for number, (tier, lower, upper) in enumerate(zip(line.tiers, edges, [*edges[1:], None], strict=True), start=1)
        ],
        schema={"tier": pl.Int32, "from": pl.Float64, "to": pl.Float64, "rate_maintenance": pl.Float64, "rate_initial": pl.Float64},
        orient="row",
    )
    unit = pl.col("daily_volume").fill_null(0.0) * line.participation if line.basis == "days" else pl.lit(1.0)
    tiers = (
        nets.with_columns(unit=unit)
        .join(steps, how="cross", maintain_order="left_right")
        .with_columns((pl.col(edge) * pl.col("unit")).alias(edge) for edge in ("from", "to"))
        .with_columns(part=(pl.min_horizontal("size", "to") - pl.col("from")).clip(0.0))
        .with_columns((pl.col("part") * pl.col(f"rate_{version}")).alias(f"charge_{version}") for version in VERSIONS)
    )
    charges = tiers.group_by("net_number", maintain_order=True).agg(total(f"charge_{version}").alias(f"charge_{version}") for version in VERSIONS)
    nets = nets.join(charges, on="net_number", how="left", maintain_order="left")
    amounts = {version: pl.col(f"charge_{version}") for version in VERSIONS}
    return _with_amounts(nets, amounts).drop("charge_maintenance", "charge_initial"), tiers


def _with_amounts(nets: pl.DataFrame, amounts: Mapping[str, pl.Expr]) -> pl.DataFrame:
    return nets.with_columns((amount * pl.col("depeg")).alias(f"amount_{version}") for version, amount in amounts.items())
