"""The frames of portfolio requirements as they are shown: columns, names and order."""

from __future__ import annotations

import polars as pl

from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.naming import KEY, Names
from stresstest.margin.explain.portfolio import PortfolioParts

TIMESTAMP = pl.Datetime("us", "UTC")
Columns = dict[str, pl.DataType]


def _text(*names: str) -> Columns:
    return dict.fromkeys(names, pl.String())


def _numbers(*names: str) -> Columns:
    return dict.fromkeys(names, pl.Float64())


def _both(*stems: str) -> Columns:
    return _numbers(*(f"{stem}_{version}" for stem in stems for version in VERSIONS))


_CHARGED: Columns = {**_both("unscaled"), **_numbers("margin_rate", "margin_multiplier"), **_both("requirement")}
_OF_NETS: Columns = {**_text("line", "risk_group", "subject", "instrument_id", "underlying"), "expiry": TIMESTAMP, **_numbers("strike")}

COLUMNS: dict[str, Columns] = {
    "groups": {
        **_text("risk_group", "scan", "worst_row", "row"),
        **_numbers("worst_pnl", "scan_loss", "maximum_loss", "delta", "credit", "correlated", "loss"),
    },
    "credits": {
        "number": pl.Int32(),
        **_text("group_1", "group_2"),
        **_numbers("rate", "delta_1", "delta_2", "spreads", "share_1", "share_2", "loss_1", "loss_2", "credit_1", "credit_2"),
    },
    "rows": {**_text("risk_group", "scan"), "number": pl.Int32(), **_text("row"), **_numbers("move", "pnl", "counted")},
    "expiries": {
        **_text("risk_group", "row"),
        "expiry": TIMESTAMP,
        **_text("currency"),
        **_numbers("years", "rate", "option_value", "option_pnl", "discount_factor", "other_pnl", "pnl", "weight", "counted"),
    },
    "grid_positions": {
        **_text("risk_group", "row", "subject", "instrument_id", "asset"),
        "expiry": TIMESTAMP,
        **_text("currency"),
        **_numbers("quantity", "change", "cost", "cost_change", "funding", "settle_change", "value", "move", "vol", "row_vol", "pnl"),
    },
    "scans": {**_text("scan"), "group_count": pl.Int32(), **_text("worst_row"), **_numbers("loss"), **_both("loss_factor", "floor"), **_CHARGED},
    "add_ons": {
        **_OF_NETS,
        **_text("of", "net", "combine"),
        **_numbers("long", "short", "measure", "size"),
        **_both("rate"),
        **_numbers("depeg"),
        **_both("amount", "loss_factor"),
        **_CHARGED,
    },
    "add_on_tiers": {
        **_text("line", "subject"),
        "tier": pl.Int32(),
        **_numbers("from", "to"),
        **_both("rate"),
        **_numbers("part"),
        **_both("charge"),
    },
}
"""The columns of every frame, in order; null where a row has no such figure."""

ORDER: dict[str, list[str]] = {
    "groups": ["risk_group"],
    "credits": ["number"],
    "rows": ["risk_group", "number"],
    "expiries": ["risk_group", "expiry", "currency"],
    "grid_positions": ["risk_group", "expiry", "currency", "subject"],
    "scans": ["scan"],
    "add_ons": ["number", "risk_group", "underlying", "expiry", "strike", "instrument_id"],
    "add_on_tiers": ["number", "risk_group", "underlying", "expiry", "strike", "instrument_id", "tier"],
}


def portfolio_frames(names: Names, parts: PortfolioParts) -> dict[str, pl.DataFrame]:
    """See `Explanation`; every frame has its columns, also an empty one."""
    return {name: _frame(names, getattr(parts, name), name) for name in COLUMNS}


def _frame(names: Names, rows: pl.DataFrame, name: str) -> pl.DataFrame:
    wanted = COLUMNS[name]
    if rows.is_empty():
        return pl.DataFrame(schema={**_text(*KEY), **wanted})
    keys = {**dict.fromkeys(("pool", "scenario", *ORDER[name]), pl.Int32()), "expiry": TIMESTAMP, **_text("risk_group", "subject", "instrument_id")}
    rows = rows.with_columns(pl.lit(None, dtype).alias(column) for column, dtype in {**keys, **wanted}.items() if column not in rows.columns)
    for column, table in (("currency", "assets"), ("asset", "assets"), ("underlying", "assets"), ("instrument", "instruments")):
        if column in rows.columns and rows.schema[column].is_integer():
            of_table = "instrument_id" if table == "instruments" else "asset"
            rows = rows.with_columns(names.gather(table, of_table, rows[column]).alias("instrument_id" if column == "instrument" else column))
    if "subject" in wanted:
        rows = rows.with_columns(subject=_subject(rows))
    return names.named(rows.cast(pl.Schema(wanted)), ORDER[name], *wanted)


def _subject(rows: pl.DataFrame) -> pl.Expr:
    """The instrument or token by name; a net by what its positions have in common."""
    columns = rows.columns
    strike = pl.col("strike").cast(pl.String).str.strip_suffix(".0") if "strike" in columns else pl.lit(None, pl.String)
    common = pl.concat_str(
        *((pl.col("underlying"),) if "underlying" in columns else ()),
        pl.col("expiry").dt.strftime("%Y-%m-%d %H:%M"),
        strike,
        separator=" ",
        ignore_nulls=True,
    )
    token = pl.col("asset") if "asset" in columns else pl.lit(None, pl.String)
    return pl.coalesce("instrument_id", token, pl.when(common != "").then(common), "risk_group")
