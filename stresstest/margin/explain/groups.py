"""Scan losses of risk groups, and how groups come together: cap, offsets, credits, correlation (docs/methodology.md, section 4)."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.grid import GROUP, POOL
from stresstest.margin.explain.sums import total
from stresstest.margin.rulebook import PortfolioModel

WHOLE_POOL = "all groups"
LEAST_DELTA = 1e-6
"""Less is rounding, of either sign."""
"""Name of the scan that `correlation` makes of all groups of a pool."""


def scan_losses(rows: pl.DataFrame) -> pl.DataFrame:
    """Per group: `worst_row`, the first with the lowest P, and `scan_loss` = max(0, -P)."""
    return (
        rows.sort(*GROUP, "row")
        .group_by(GROUP, maintain_order=True)
        .agg(worst_row=pl.col("row").gather(pl.col("pnl").arg_min()).first(), worst_pnl=pl.col("pnl").min())
        .with_columns(pl.col("worst_row").cast(pl.Int32), scan_loss=(-pl.col("worst_pnl")).clip(0.0))
    )


def maximum_losses(positions: pl.DataFrame, hedged: pl.DataFrame) -> pl.DataFrame:
    """`maximum_loss` of the groups that `max_loss_cap` caps: pool, scenario, risk group; groups without a cap have no row.

    Per underlying and expiry max(0, A - lowest payoff), the payoff of the options settled at zero or at any of their strikes. Capped is a group
    of paid linear options alone, without hedges, with no more calls sold than bought (in units) at any expiry of an underlying.

    Args:
        positions: `pool, scenario, risk_group, underlying, expiry, style, payoff, quantity, contract_size, strike, option_type, market_value,
            quote_value`.
        hedged: the groups (`GROUP`) that have hedges.
    """
    held = positions.filter(pl.col("quantity") != 0).with_columns(
        units=pl.col("quantity") * pl.col("contract_size"), simple=(pl.col("style") == "paid option") & (pl.col("payoff") == "linear")
    )
    calls = pl.when(pl.col("option_type") == "call").then(pl.col("units")).otherwise(0.0)
    key = [*GROUP, "underlying", "expiry"]
    sets = held.group_by(key, maintain_order=True).agg(simple=pl.col("simple").all(), calls=total(calls), option_value=total("market_value"))
    capped = (
        sets.group_by(GROUP, maintain_order=True)
        .agg(capped=(pl.col("simple") & (pl.col("calls") >= 0)).all())
        .filter("capped")
        .join(hedged.select(GROUP).unique(), on=GROUP, how="anti", maintain_order="left")
    )
    # Strikes of one underlying may be in several currencies: all are compared in the reporting currency.
    options = held.join(capped.select(GROUP), on=GROUP, how="semi", maintain_order="left").with_columns(
        strike=pl.col("strike") * pl.col("quote_value")
    )
    at_strikes = options.select(*key, settlement="strike")
    settlements = pl.concat([at_strikes, at_strikes.with_columns(settlement=pl.lit(0.0))]).unique(maintain_order=True)
    gain = pl.when(pl.col("option_type") == "call").then(1.0).otherwise(-1.0) * (pl.col("settlement") - pl.col("strike"))
    payoffs = settlements.join(options.select(*key, "units", "strike", "option_type"), on=key, how="inner", maintain_order="left_right")
    payoffs = payoffs.with_columns(payoff=pl.col("units") * gain.clip(0.0))
    lowest = payoffs.group_by(*key, "settlement", maintain_order=True).agg(payoff=total("payoff")).group_by(key).agg(payoff=pl.col("payoff").min())
    return (
        sets.join(lowest, on=key, how="inner", maintain_order="left")
        .with_columns(loss=(pl.col("option_value") - pl.col("payoff")).clip(0.0))
        .group_by(GROUP, maintain_order=True)
        .agg(maximum_loss=total("loss"))
    )


def spread_credits(groups: pl.DataFrame, model: PortfolioModel) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Groups with `credit` and `loss` = own loss less it, and the credits one by one, in order.

    A credit forms n = min(|d_1|/ratio_1, |d_2|/ratio_2) spreads from what earlier ones left of the deltas, of opposite signs (`same_side`: equal
    ones); each group's loss falls by rate * n * ratio_i / |delta_i| of itself.

    Args:
        groups: `GROUP`, `delta`, `loss`.
    """
    groups = groups.with_columns(left=pl.col("delta"), share=pl.lit(0.0))
    lines = []
    for number, credit in enumerate(model.credits, start=1):
        sides = [
            groups.filter((pl.col("risk_group") == name) & (pl.col("delta").abs() >= LEAST_DELTA)).select(
                *POOL,
                pl.col("risk_group").alias(f"group_{side}"),
                pl.col("left").alias(f"delta_{side}"),
                pl.col("loss").alias(f"loss_{side}"),
                share=credit.rate * ratio / pl.col("delta").abs(),
            )
            for side, (name, ratio) in enumerate(zip(credit.groups, credit.ratio, strict=True), start=1)
        ]
        first, second = pl.col("delta_1").sign(), pl.col("delta_2").sign()
        spreads = pl.min_horizontal(*(pl.col(f"delta_{side}").abs() / ratio for side, ratio in enumerate(credit.ratio, start=1)))
        line = (
            sides[0]
            .rename({"share": "share_1"})
            .join(sides[1].rename({"share": "share_2"}), on=POOL, how="inner", maintain_order="left")
            .filter(first * second == (1.0 if credit.same_side else -1.0))
            .with_columns(spreads=spreads)
            .with_columns(
                *(pl.col(f"share_{side}") * pl.col("spreads") for side in (1, 2)), number=pl.lit(number, pl.Int32), rate=pl.lit(credit.rate)
            )
        )
        line = line.with_columns((pl.col(f"share_{side}") * pl.col(f"loss_{side}")).alias(f"credit_{side}") for side in (1, 2))
        lines.append(line)
        used = pl.concat(
            [
                line.select(*POOL, risk_group=f"group_{side}", used=ratio * pl.col("spreads"), more=f"share_{side}")
                for side, ratio in enumerate(credit.ratio, start=1)
            ]
        )
        groups = (
            groups.join(used, on=GROUP, how="left", maintain_order="left")
            .with_columns(
                left=pl.col("left") - pl.col("left").sign() * pl.col("used").fill_null(0.0), share=pl.col("share") + pl.col("more").fill_null(0.0)
            )
            .drop("used", "more")
        )
    groups = groups.with_columns(credit=pl.col("loss") * pl.col("share")).with_columns(loss=pl.col("loss") - pl.col("credit"))
    return groups.drop("left", "share"), pl.concat(lines) if lines else pl.DataFrame()


def correlated(groups: pl.DataFrame, model: PortfolioModel) -> pl.DataFrame:
    """Groups with `correlated` = sum over j of rho_ij * L_i * L_j: added up over the pool, the square of its loss."""
    rule = model.correlation
    if rule is None:
        raise ValueError("the model has no correlation")
    pairs = {frozenset(pair.groups): pair.value for pair in rule.pairs}
    names = groups["risk_group"].unique().sort().to_list()
    table = pl.DataFrame(
        [(one, other, 1.0 if one == other else pairs.get(frozenset((one, other)), rule.default)) for one in names for other in names],
        schema={"risk_group": pl.String, "other": pl.String, "correlation": pl.Float64},
        orient="row",
    )
    losses = groups.select(*POOL, other="risk_group", other_loss="loss")
    sums = (
        groups.select(*GROUP, "loss")
        .join(table, on="risk_group", how="left", maintain_order="left_right")
        .join(losses, on=[*POOL, "other"], how="inner", maintain_order="left")
        .group_by(GROUP, maintain_order=True)
        .agg(correlated=total(pl.col("correlation") * pl.col("loss") * pl.col("other_loss")))
    )
    return groups.join(sums, on=GROUP, how="left", maintain_order="left")


def scans(groups: pl.DataFrame, rows: pl.DataFrame, model: PortfolioModel) -> pl.DataFrame:
    """The scan losses that enter the requirement: `pool, scenario, scan, group_count, worst_row, loss`.

    A group by itself; with `offsets` a list, by its rows' `counted`, at most its groups' losses together; with `correlation` the pool.

    Args:
        groups: `GROUP`, `scan` (see `scan_names`), `worst_row`, `loss` and, with correlation, `correlated`.
        rows: `GROUP`, `scan`, `row`, `counted`.
    """
    key = [*POOL, "scan"]
    if model.offsets:
        together = rows.group_by(*key, "row", maintain_order=True).agg(pnl=total("counted")).sort(*key, "row")
        worst = together.group_by(key, maintain_order=True).agg(
            worst_row=pl.col("row").gather(pl.col("pnl").arg_min()).first(), loss=(-pl.col("pnl").min()).clip(0.0)
        )
        own = groups.group_by(key, maintain_order=True).agg(group_count=pl.len(), most=total("loss"))
        worst = worst.cast({"worst_row": pl.Int32}).join(own, on=key, how="left", maintain_order="left")
        return worst.with_columns(loss=pl.min_horizontal("loss", "most")).drop("most")
    ordered = groups.sort(*POOL, "risk_group")
    of_largest = pl.col("worst_row").gather(pl.col("loss").arg_max()).first()
    loss = total("correlated").clip(0.0).sqrt() if model.correlation is not None else total("loss")
    return ordered.group_by(key, maintain_order=True).agg(group_count=pl.len(), worst_row=of_largest, loss=loss).cast({"worst_row": pl.Int32})


def scan_names(model: PortfolioModel) -> pl.Expr:
    """The scan that a row's `risk_group` is part of: its list of `offsets`, the whole pool of a `correlation`, else the group itself."""
    if model.correlation is not None:
        return pl.lit(WHOLE_POOL)
    lists = {group: " + ".join(offset.groups) for offset in model.offsets for group in offset.groups}
    return pl.col("risk_group").replace(lists) if lists else pl.col("risk_group")


def offset_rates(model: PortfolioModel) -> pl.Expr:
    """What a group's gain in a row counts against the losses of its list: its rate; 1 outside lists."""
    rates = {group: offset.rate for offset in model.offsets for group in offset.groups}
    return pl.col("risk_group").replace_strict(rates, default=1.0, return_dtype=pl.Float64) if rates else pl.lit(1.0)


def worst_rows(scans: pl.DataFrame, names: tuple[str, ...]) -> pl.DataFrame:
    """Per pool and scenario `worst_row`, the name of the row of the largest scan loss (null where nothing is lost), and `worst_scan_loss`.

    Of equal losses the first scan by name counts.
    """
    largest = pl.col("loss").arg_max()
    worst = (
        scans.sort(*POOL, "scan")
        .group_by(POOL, maintain_order=True)
        .agg(worst_row=pl.col("worst_row").gather(largest).first(), worst_scan_loss=pl.col("loss").max())
    )
    lost = pl.col("worst_scan_loss") > 0
    return worst.with_columns(worst_row=pl.when(lost).then(pl.Series(names, dtype=pl.String).gather(worst["worst_row"].cast(pl.Int32))))
