"""The margin file as frames, joined by name to what it governs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from stresstest.margin.rulebook import (
    AmountPair,
    Band,
    CapPair,
    CollateralSchedule,
    Concentration,
    MarginSchedule,
    Model,
    Rulebook,
    ShortOptionRate,
    StrategyModel,
    Tier,
)
from stresstest.margin.views import View, views_of
from stresstest.snapshot.book import Dimensions

if TYPE_CHECKING:
    from polars.datatypes import DataTypeClass

NO_SCHEDULE = "(none)"
"""Schedule of an asset without one: nothing counts, a debt counts once."""
REPORTING_CURRENCY = "(reporting currency)"
"""Schedule of the reporting currency where neither snapshot nor model gives it one: all counts."""
HEDGE = "(hedge)"
"""Schedule of an asset that moves in the grid of a portfolio model in place of its haircut: all counts, whatever moves haircuts."""

SHORT_OPTION = ["short_option", "short_base", "short_rate_maintenance", "short_rate_initial", "short_minimum_maintenance", "short_minimum_initial"]
"""Columns of a margin schedule's rule for short options; `short_option` false = it has none."""

_PAIR = ("maintenance", "initial")
_ZERO = AmountPair(maintenance=0.0, initial=0.0)


@dataclass(frozen=True)
class Rules:
    """`models`: `model` and its terms, caps null = none, `recognition` null = not a strategy model; `view` numbers how it sees a book.

    `of_instruments`: per `view` and `instrument` the `schedule` that charges it alone and `net_schedule`, that of its underlying (null = none).
    `margin_schedules`, `tiers`, `collateral_bands`: by `schedule`, edges `from` (inclusive) and `to` (null = no end; a cap ends the last
    band). `of_assets`:
    `view, asset, schedule, basis, currency, liability_weight_*` and what weights follow.
    """

    models: pl.DataFrame
    of_instruments: pl.DataFrame
    margin_schedules: pl.DataFrame
    tiers: pl.DataFrame
    of_assets: pl.DataFrame
    collateral_bands: pl.DataFrame


def rules_of(rulebook: Rulebook, dimensions: Dimensions) -> Rules:
    """The rulebook against a book.

    Raises:
        KeyError: a schedule, model or currency that does not exist; the checks of a run refuse such input before anything is computed.
    """
    codes = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
    names = set(dimensions.instruments["margin_schedule"].drop_nulls()) | set(dimensions.assets["margin_schedule"].drop_nulls())
    _known("margin schedules", names, rulebook.margin_schedules)
    _known("models", set(dimensions.accounts["margin_model"]), rulebook.models)
    currency = dimensions.reporting_currency
    views = views_of(dimensions, rulebook)
    of_models = pl.DataFrame({"model": list(views.of_model), "view": list(views.of_model.values())}, schema={"model": pl.String, "view": pl.Int32})
    return Rules(
        models=_models(rulebook.models).join(of_models, on="model", how="left", maintain_order="left"),
        of_instruments=pl.concat([_of_instruments(dimensions, view).with_columns(_numbered(number)) for number, view in enumerate(views.views)]),
        margin_schedules=_margin_schedules(rulebook.margin_schedules, codes, currency),
        tiers=_tiers(rulebook.margin_schedules),
        of_assets=pl.concat(
            [
                _of_assets(rulebook.collateral_schedules, codes, dimensions, view).with_columns(_numbered(number))
                for number, view in enumerate(views.views)
            ]
        ),
        collateral_bands=_collateral_bands(rulebook.collateral_schedules),
    )


def _known(what: str, names: set[str], existing: Mapping[str, object]) -> None:
    missing = sorted(names - existing.keys())
    if missing:
        raise KeyError(f"{what} not in the margin file: {', '.join(missing)}")


def _pair(stem: str, pair: Any) -> dict[str, float | None]:
    return {f"{stem}_{version}": getattr(pair, version) for version in _PAIR}


def _columns(*stems: str) -> dict[str, DataTypeClass]:
    return {f"{stem}_{version}": pl.Float64 for stem in stems for version in _PAIR}


def _models(models: Mapping[str, Model]) -> pl.DataFrame:
    schema = pl.Schema(
        {
            "model": pl.String,
            "model_kind": pl.String,
            "net_by": pl.String,
            "pnl_into": pl.String,
            "breach_at_equality": pl.Boolean,
            "counts_orders": pl.Boolean,
            **_columns("order_amount"),
            "conservative_maintenance": pl.Boolean,
            "conservative_initial": pl.Boolean,
            "conservative_marks": pl.Boolean,
            "recognition": pl.String,
            "shares": pl.Boolean,
            **_columns("spread_rate", "positive_pnl_weight", "positive_pnl_cap", "long_option_credit"),
        }
    )
    return pl.DataFrame(
        [
            {
                "model": name,
                "model_kind": model.kind,
                "net_by": "underlying" if model.nets_by_underlying else "instrument",
                "pnl_into": model.pnl_into,
                "breach_at_equality": model.breach_at_equality,
                "counts_orders": model.per_order is not None,
                **_pair("order_amount", model.per_order or AmountPair(maintenance=0.0, initial=0.0)),
                **{
                    f"conservative_{name}": model.conservative_prices is not None and getattr(model.conservative_prices, name)
                    for name in (*_PAIR, "marks")
                },
                "recognition": model.recognition if isinstance(model, StrategyModel) else None,
                "shares": isinstance(model, StrategyModel) and model.shares is not None,
                **_pair("spread_rate", model.spread),
                **_pair("positive_pnl_weight", model.positive_pnl_weight),
                **_pair("positive_pnl_cap", model.positive_pnl_cap),
                **_pair("long_option_credit", model.long_option_credit),
            }
            for name, model in models.items()
        ],
        schema=schema,
    )


def _numbered(view: int) -> pl.Expr:
    return pl.lit(view, pl.Int32).alias("view")


def _of_instruments(dimensions: Dimensions, view: View) -> pl.DataFrame:
    nets = pl.Series(view.net, dtype=pl.String)
    return dimensions.instruments.with_row_index("instrument").select(
        pl.col("instrument").cast(pl.Int32),
        schedule=pl.Series(view.margin, dtype=pl.String),
        net_schedule=nets.gather(dimensions.instruments["underlying_code"]),
    )


def _margin_schedules(schedules: Mapping[str, MarginSchedule], codes: Mapping[str, int], reporting: str) -> pl.DataFrame:
    nothing = ShortOptionRate(rate=0.0, minimum=0.0)

    def row(name: str, schedule: MarginSchedule) -> dict[str, object]:
        short, size, interest = schedule.short_option, schedule.size_scaling, schedule.open_interest_scaling
        rates = {version: nothing if short is None else getattr(short, version) for version in _PAIR}
        return {
            "schedule": name,
            "currency": codes[schedule.currency or reporting],
            "basis": schedule.basis,
            "convention": schedule.convention,
            "per_contract": schedule.amount_per_contract is not None,
            **_pair("amount", schedule.amount_per_contract or _ZERO),
            "short_option": short is not None,
            "short_base": None if short is None else short.base,
            **{f"short_rate_{version}": rate.rate for version, rate in rates.items()},
            **{f"short_minimum_{version}": rate.minimum for version, rate in rates.items()},
            "growth": None if size is None else size.growth,
            **_pair("growth_factor", _ZERO if size is None else size.factor),
            "rate_share": None if size is None else size.rate_share,
            "rate_floor_to": None if size is None else size.floor_to,
            "interest_from": None if interest is None else interest.from_,
            "interest_to": None if interest is None else interest.to,
        }

    schema = pl.Schema(
        {
            "schedule": pl.String,
            "currency": pl.Int32,
            "basis": pl.String,
            "convention": pl.String,
            "per_contract": pl.Boolean,
            **_columns("amount"),
            "short_option": pl.Boolean,
            "short_base": pl.String,
            **_columns("short_rate", "short_minimum"),
            "growth": pl.String,
            **_columns("growth_factor"),
            **dict.fromkeys(("rate_share", "rate_floor_to", "interest_from", "interest_to"), pl.Float64),
        }
    )
    return pl.DataFrame([row(name, schedule) for name, schedule in schedules.items()], schema=schema)


def _edges(steps: Sequence[Band] | Sequence[Tier], end: float | None = None) -> list[tuple[float, float | None]]:
    lower = [step.from_ for step in steps]
    return list(zip(lower, [*lower[1:], end], strict=True)) if lower else []


def _tiers(schedules: Mapping[str, MarginSchedule]) -> pl.DataFrame:
    schema = pl.Schema({"schedule": pl.String, "tier": pl.Int32, "from": pl.Float64, "to": pl.Float64, **_columns("rate", "deduction")})
    return pl.DataFrame(
        [
            {
                "schedule": name,
                "tier": number,
                "from": lower,
                "to": upper,
                "rate_maintenance": tier.maintenance_rate,
                "rate_initial": tier.initial_rate,
                "deduction_maintenance": tier.maintenance_deduction or 0.0,
                "deduction_initial": tier.initial_deduction or 0.0,
            }
            for name, schedule in schedules.items()
            for number, (tier, (lower, upper)) in enumerate(zip(schedule.tiers, _edges(schedule.tiers), strict=True), start=1)
        ],
        schema=schema,
    )


def _of_assets(schedules: Mapping[str, CollateralSchedule], codes: Mapping[str, int], dimensions: Dimensions, view: View) -> pl.DataFrame:
    _known("collateral schedules", set(dimensions.assets["collateral_schedule"].drop_nulls()), schedules)
    plain = CollateralSchedule.model_validate({"bands": [{"from": 0, "haircut": 0}]})

    def row(asset: str, name: str | None, hedge: bool) -> dict[str, object]:
        schedule = plain if name is None else schedules[name]
        unnamed = REPORTING_CURRENCY if asset == dimensions.reporting_currency else NO_SCHEDULE
        return {
            "asset": codes[asset],
            "schedule": HEDGE if hedge else unnamed if name is None else name,
            "basis": plain.basis if hedge else schedule.basis,
            "currency": codes[(None if hedge else schedule.currency) or dimensions.reporting_currency],
            **_pair("liability_weight", schedule.liability_weight),
            **_weights(plain if hedge else schedule),
        }

    schema = pl.Schema(
        {"asset": pl.Int32, "schedule": pl.String, "basis": pl.String, "currency": pl.Int32, **_columns("liability_weight"), **_WEIGHTS}
    )
    terms = zip(dimensions.assets["asset"], view.collateral, view.without_haircut, strict=True)
    return pl.DataFrame([row(asset, name, hedge) for asset, name, hedge in terms], schema=schema)


_WEIGHTS = {
    **_columns("size_factor", "deposits_above", "borrows_above"),
    **dict.fromkeys(("asset_numerator", "liability_share", "weight_floor_to"), pl.Float64),
}


def _weights(schedule: CollateralSchedule) -> dict[str, object]:
    """What the weights of a schedule follow, null where nothing."""
    size, pool = schedule.size_scaling, schedule.concentration or Concentration()
    return {
        **_pair("size_factor", CapPair() if size is None else size.factor),
        **_pair("deposits_above", pool.deposits_above),
        **_pair("borrows_above", pool.borrows_above),
        "asset_numerator": None if size is None else size.asset_numerator,
        "liability_share": None if size is None else size.liability_share,
        "weight_floor_to": None if size is None else size.floor_to,
    }


def _collateral_bands(schedules: Mapping[str, CollateralSchedule]) -> pl.DataFrame:
    schema = pl.Schema({"schedule": pl.String, "band": pl.Int32, "from": pl.Float64, "to": pl.Float64, **_columns("haircut")})
    rows: list[tuple[str, int, float, float | None, float, float]] = [
        (REPORTING_CURRENCY, 1, 0.0, None, 0.0, 0.0),
        (HEDGE, 1, 0.0, None, 0.0, 0.0),
        (NO_SCHEDULE, 1, 0.0, None, 1.0, 1.0),
    ]
    for name, schedule in schedules.items():
        edges = _edges(schedule.bands, schedule.cap)
        rows += [
            (name, number, lower, upper, band.haircut, band.initial)
            for number, (band, (lower, upper)) in enumerate(zip(schedule.bands, edges, strict=True), start=1)
        ]
    return pl.DataFrame(rows, schema=schema, orient="row")
