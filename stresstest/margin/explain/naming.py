"""Codes to names: which columns of the derivation are shown, under which names and in which order."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from stresstest.margin.explain.collateral import VERSIONS
from stresstest.margin.explain.strategies import STRATEGIC
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.tables import MEASURES

KEY = ["account_id", "pool_id", "scenario_id"]


def _both(*stems: str) -> list[str]:
    return [f"{stem}_{version}" for stem in stems for version in VERSIONS]


def _base_and_stressed(*stems: str) -> list[str]:
    return [f"{state}_{stem}" for stem in stems for state in ("base", "stressed")]


def _moment(column: str) -> pl.Expr:
    """A moment as text, ISO 8601 in UTC."""
    return pl.col(column).dt.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True)
class Names:
    """The names behind the codes of `pool`, `scenario`, `instrument`, `asset` and `location`, and the scenarios that were asked for."""

    dimensions: Dimensions
    resolved: Resolved
    of_pools: pl.DataFrame
    wanted: list[int]

    def positions(self, rows: pl.DataFrame, charges: pl.DataFrame, ordered: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        own = charges.filter(pl.col("instrument").is_not_null()).select(
            "pool", "scenario", "instrument", pl.col("rule").alias("charged"), *_both("unscaled", "requirement")
        )
        rows = rows.join(own, on=["pool", "scenario", "instrument"], how="left", maintain_order="left")
        sided = ordered.select("pool", "instrument", sided=pl.lit(value=True))
        rows = rows.join(sided, on=["pool", "instrument"], how="left", maintain_order="left")
        netted = (pl.col("net_by") == "underlying") & (pl.col("kind") != "option") & ((pl.col("kind") != "spot") | pl.col("schedule").is_not_null())
        schedule = pl.when(netted).then(pl.col("net_schedule")).otherwise(pl.col("schedule"))
        return self.named(
            rows.with_columns(
                rule=pl.coalesce(
                    "charged",
                    pl.when(pl.col("sided"))
                    .then(pl.lit("open orders"))
                    .when(pl.col("quantity") == 0)
                    .then(pl.lit("nothing held"))
                    .when(pl.col("model_kind") == "portfolio")
                    .then(pl.lit("in the grid"))
                    .when(STRATEGIC)
                    .then(pl.lit("strategy"))
                    .when(schedule.is_null())
                    .then(pl.lit("no schedule"))
                    .otherwise(pl.lit("net by underlying")),
                ),
                schedule=pl.when(pl.col("model_kind") != "portfolio").then(schedule),
                stressed_price="mark",
                base_price="base_mark",
                price_move=pl.when(pl.col("base_mark") > 0).then(pl.col("mark") / pl.col("base_mark") - 1.0),
                stressed_value="value",
                value_change=pl.col("value") - pl.col("base_value"),
                joins=self.gather("assets", "asset", rows["joins"]),
                underlying=self.gather("assets", "asset", rows["underlying"]),
                quote=self.gather("assets", "asset", rows["quote"]),
                settle=self.gather("assets", "asset", rows["settle"]),
                **{f"stressed_{name}": name for name in ("quote_value", "settle_value", "forward", "vol")},
            ),
            ["instrument"],
            "instrument_id",
            "kind",
            "underlying",
            "quote",
            "settle",
            "style",
            "quantity",
            "contract_size",
            "cost",
            "mean_entry",
            "funding",
            "base_price",
            "stressed_price",
            "price_move",
            *_base_and_stressed("quote_value", "settle_value", "forward", "vol"),
            "treatment",
            "exercise",
            "base_value",
            "stressed_value",
            "value_change",
            "notional",
            "joins",
            *_both("joined", "added", "marked_value"),
            "schedule",
            "rule",
            *_both("unscaled", "requirement"),
        )

    def charges(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            self._subject(rows),
            ["underlying_code", "instrument"],
            "subject",
            "instrument_id",
            "underlying",
            "schedule",
            "rule",
            "basis",
            "convention",
            "currency",
            "currency_value",
            "contracts",
            "notional",
            "size",
            *_both("notional_factor"),
            "long",
            "short",
            "leverage",
            *_both("tiers", "spread_rate", "spread"),
            "open_interest",
            "interest_share",
            "interest",
            "leverage_floor",
            "per_contract",
            *_both("amount"),
            "units",
            "strike_currency_value",
            "underlying_price",
            "out_of_the_money",
            "short_base",
            *_both("short_rate", "short_minimum"),
            "current_value",
            *_both("long_option_credit", "unscaled"),
            "margin_rate",
            "margin_multiplier",
            *_both("requirement"),
        )

    def tiers(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`; tiers with nothing inside are left out, but for the first."""
        reached = rows.filter((pl.col("part") > 0) | (pl.col("tier") == 1))
        return self.named(
            self._subject(reached),
            ["underlying_code", "instrument", "tier"],
            "subject",
            "schedule",
            "basis",
            "convention",
            "currency",
            "tier",
            "from",
            "to",
            "growth_size",
            *_both("base_rate", "rate", "deduction"),
            "part",
            "part_initial",
            *_both("charge"),
        )

    def strategies(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            rows.with_columns(underlying=self.gather("assets", "asset", rows["underlying"]), expiry=_moment("expiry")),
            ["strategy"],
            "strategy",
            "underlying",
            pl.col("strategy_rule").alias("rule"),
            "expiry",
            *_both("apart"),
            "strike_currency_value",
            "loss",
            "loss_value",
            "unpaired",
            "forward",
            *_both("unpaired_scale", "unpaired"),
            "debit",
            *_both("together", "unscaled"),
            "margin_rate",
            "margin_multiplier",
            *_both("requirement"),
        )

    def strategy_legs(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            rows.with_columns(instrument_id=self.gather("instruments", "instrument_id", rows["instrument"]), expiry=_moment("expiry")),
            ["strategy", "part"],
            "strategy",
            "instrument_id",
            "kind",
            "option_type",
            "strike",
            "expiry",
            "units",
            "unit_value",
            "value",
            "underlying_price",
            "out_of_the_money",
            "base",
            "daily_multiple",
            "initial_multiple",
            *_both("naked_rate", "naked_minimum", "naked_of_value", "naked", "long_rate", "apart"),
        )

    def orders(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        what = pl.when(pl.col("instrument").is_not_null()).then(pl.col("instrument_id"))
        return self.named(
            rows.with_columns(instrument_id=self.gather("instruments", "instrument_id", rows["instrument"])).with_columns(
                subject=what.when(pl.col("orders").is_null()).then(pl.lit("spot markets together")).otherwise(pl.lit("every order")),
                side=pl.when(pl.col("side") == 0).then(pl.lit("bids")).when(pl.col("side") == 1).then(pl.lit("asks")),
                after=pl.col("held") + pl.col("filled"),
                side_number="side",
                alone=pl.col("instrument").is_null(),
            ),
            ["alone", "instrument", "side_number", "orders"],
            "subject",
            "side",
            "orders",
            "filled",
            "order_cost",
            "held",
            "after",
            *_both("asked", "lost", "need", "worth", "requirement"),
        )

    def balances(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            rows.with_columns(
                asset_id=self.gather("assets", "asset", rows["asset"]),
                location_name=self.gather("locations", "location", rows.select(pl.when(pl.col("location") >= 0).then("location"))["location"]),
                stressed_price="price",
                stressed_value="value",
                value_change=pl.col("value") - pl.col("base_value"),
            ),
            ["asset", "location", "row"],
            pl.col("asset_id").alias("asset"),
            pl.col("location_name").alias("location"),
            "amount",
            "holding_share",
            "base_price",
            "stressed_price",
            "base_value",
            "stressed_value",
            "value_change",
        )

    def tokens(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            self._token(rows),
            ["asset"],
            pl.col("asset_id").alias("asset"),
            "rows",
            "amount",
            "base_balance",
            "balance",
            *_both("joined", "net"),
            "ratio",
            "schedule",
            "basis",
            *_both("price_low", "price_high", "deposit_share", "most", "liability_weight", "borrow_multiple", "debt_weight"),
            "debt_weight_own_maintenance",
            *_both("margin_value"),
            pl.col("own_kept").alias("collateral_after_initial_haircut"),
            pl.col("own_kept_maintenance").alias("collateral_after_maintenance_haircut"),
        )

    def bands(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`; bands with nothing inside are left out, but for the first."""
        reached = rows.filter((pl.max_horizontal("part_maintenance", "part_initial") > 0) | (pl.col("band") == 1))
        return self.named(
            self._token(reached),
            ["asset", "band"],
            pl.col("asset_id").alias("asset"),
            "schedule",
            "basis",
            "band",
            "from",
            "to",
            *_both("haircut", "stressed_haircut", "part", "kept"),
        )

    def pools(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Explanation`."""
        return self.named(
            rows,
            [],
            "owner_id",
            "model",
            "margin_multiplier",
            *(column.name for column in MEASURES),
            "status",
            "position_value",
            "base_position_value",
            "base_collateral_value",
            "base_initial_margin",
            "collateral_kept",
            "gross_notional",
            "tolerance",
            "breach_at_equality",
            "worst_row",
            "worst_scan_loss",
        )

    def _subject(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(
            underlying_code="underlying",
            underlying=self.gather("assets", "asset", rows["underlying"]),
            instrument_id=self.gather("instruments", "instrument_id", rows["instrument"]),
            currency=self.gather("assets", "asset", rows["currency"]),
        ).with_columns(subject=pl.coalesce("instrument_id", pl.format("{} net", "underlying")))

    def _token(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.with_columns(asset_id=self.gather("assets", "asset", rows["asset"]))

    def gather(self, table: str, column: str, codes: pl.Series) -> pl.Series:
        """Names of a dimension table by code; null stays null."""
        names: pl.Series = getattr(self.dimensions, table)[column]
        return names.gather(codes)

    def named(self, rows: pl.DataFrame, order: list[str], *columns: str | pl.Expr) -> pl.DataFrame:
        """The wanted scenarios, in order of pool, scenario and `order`, with account, pool and scenario named."""
        terms = self.of_pools.select("pool", "account_id", "pool_id", "owner_id", "model", "margin_multiplier")
        chosen = rows.filter(pl.col("scenario").is_in(self.wanted)).drop(terms.columns[1:], strict=False)
        ids = pl.Series("scenario_id", self.resolved.ids, dtype=pl.String)
        named = chosen.with_columns(scenario_id=ids.gather(chosen["scenario"])).join(terms, on="pool", how="left", maintain_order="left")
        return named.sort("pool", "scenario", *order).select(*KEY, *columns)
