"""What rates and weights follow, as rows and columns of the kernels' tables: open interest, the venue's pools, conservative prices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from stresstest.margin.row_list import NewRow, NewRows
from stresstest.margin.rulebook import CollateralSchedule, Concentration, ConservativePrices, Rulebook
from stresstest.margin.views import Names
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Columns = dict[str, npt.ArrayLike]


def conservative_models(rulebook: Rulebook) -> tuple[ConservativePrices, ...]:
    """The settings of the models that take conservative prices."""
    return tuple(model.conservative_prices for model in rulebook.models.values() if model.conservative_prices is not None)


def conservative_ratios(dimensions: Dimensions, resolved: Resolved) -> tuple[Floats, Floats]:
    """min(1, low / price) and max(1, high / price) of every asset [assets, S]; one where there is no such price or the price is not above zero.

    `price_low` and `price_high` are averages that lag: they stay where they are when a scenario moves the price.
    """
    low, high = (dimensions.assets[name].to_numpy()[:, np.newaxis] for name in ("price_low", "price_high"))
    price = np.where(resolved.spot > 0.0, resolved.spot, np.nan)
    return np.fmin(1.0, low / price), np.fmax(1.0, high / price)


def currency_values(dimensions: Dimensions, resolved: Resolved, currencies: Sequence[str | None]) -> Floats:
    """X of each currency [currencies, S]; null = the reporting currency."""
    codes = {asset: code for code, asset in enumerate(dimensions.assets["asset"])}
    return resolved.value[[codes[currency or dimensions.reporting_currency] for currency in currencies]]


def instrument_factors(dimensions: Dimensions, resolved: Resolved, rulebook: Rulebook, schedules: Names) -> Floats:
    """X of the currency of every instrument's schedule [instruments, S]; one without a schedule."""
    return currency_values(dimensions, resolved, [None if name is None else rulebook.margin_schedules[name].currency for name in schedules])


def interest_shares(dimensions: Dimensions, rulebook: Rulebook, schedules: Names, notional: Floats, factors: Floats) -> tuple[Codes, Floats]:
    """Codes of the instruments whose initial rate follows open interest, and the share of the rise that it has reached, [those, S].

    Args:
        schedules: margin schedule of every instrument.
        notional: of one contract, reporting currency, [instruments, S].
        factors: X of each instrument's schedule currency, [instruments, S].
    """
    rules = {name: each.open_interest_scaling for name, each in rulebook.margin_schedules.items() if each.open_interest_scaling is not None}
    codes = np.array([code for code, name in enumerate(schedules) if name in rules], dtype=np.int32)
    chosen = [rules[str(schedules[code])] for code in codes]
    begin = np.array([rule.from_ for rule in chosen])[:, np.newaxis]
    width = np.array([rule.to - rule.from_ for rule in chosen])[:, np.newaxis]
    open_interest = dimensions.instruments["open_interest"].to_numpy()[codes][:, np.newaxis] * notional[codes] / factors[codes]
    return codes, np.clip((open_interest - begin) / width, 0.0, 1.0)


def instrument_columns(
    dimensions: Dimensions, resolved: Resolved, units: UnitValues, rulebook: Rulebook, schedules: Names, notional_row: Codes, rows: NewRows
) -> Columns:
    """Columns of `INSTRUMENT` about size, open interest and conservative prices, by the margin schedule of each instrument."""
    frame = dimensions.instruments
    factors = instrument_factors(dimensions, resolved, rulebook, schedules)
    count = frame.height
    growths = {name: each.size_scaling.growth for name, each in rulebook.margin_schedules.items() if each.size_scaling is not None}
    size = np.ones(count)
    contract, skew = frame["contract_size"].to_numpy(), frame["skew_scale"].to_numpy()
    for code, name in enumerate(schedules):
        if name in growths:
            size[code] = contract[code] if growths[name] == "square_root" else 1.0 / skew[code]
    codes, share = interest_shares(dimensions, rulebook, schedules, units.notional, factors)
    interest_row = np.full(count, -1, dtype=np.int32)
    interest_row[codes] = rows(share * units.notional[codes] / factors[codes])
    found: Columns = {
        "size_unit": size,
        "open_interest": frame["open_interest"].fill_null(0.0).to_numpy(),
        "interest_row": interest_row,
        **dict.fromkeys(("high_notional_row", "long_notional_row", "short_notional_row"), notional_row),
        **dict.fromkeys(("long_gap_row", "short_gap_row"), np.int32(-1)),
    }
    asked = conservative_models(rulebook)
    if not asked:
        return found
    low, high = conservative_ratios(dimensions, resolved)
    # The asset whose value is in the notional of one contract.
    kinds = frame["kind"].to_numpy()
    quanto = frame["payoff"].to_numpy() == "quanto"
    money = np.where(quanto, frame["settle_code"].to_numpy(), frame["quote_code"].to_numpy())
    plain = units.notional / factors
    converted = plain * np.where((kinds == "option")[:, np.newaxis], 1.0, high[money])

    def only_changed(values: Floats, unchanged: Floats, otherwise: npt.ArrayLike) -> Codes:
        changed = (values != unchanged).any(axis=1)
        numbers = np.array(np.broadcast_to(np.asarray(otherwise, dtype=np.int32), count))
        numbers[changed] = rows(values[changed])
        return numbers

    found["high_notional_row"] = only_changed(converted, plain, notional_row)
    if not any(prices.marks for prices in asked):
        return found
    marked = ((kinds == "future") | (kinds == "perpetual"))[:, np.newaxis]
    # An inverse contract is worth less per contract the higher its mark, and its notional does not follow the mark.
    inverse = (frame["payoff"].to_numpy() == "inverse")[:, np.newaxis]
    underlying = frame["underlying_code"].to_numpy()
    for side, ratio in (("long", low), ("short", high)):
        move = np.where(marked, ratio[underlying], 1.0)
        found[f"{side}_notional_row"] = only_changed(converted * np.where(inverse, 1.0, move), plain, notional_row)
        found[f"{side}_gap_row"] = only_changed(units.value_slope * (np.where(inverse, 1.0 / move, move) - 1.0), np.zeros_like(move), -1)
    return found


def asset_columns(
    dimensions: Dimensions, resolved: Resolved, rulebook: Rulebook, asset: Codes, chosen: Sequence[CollateralSchedule], row: NewRow
) -> Columns:
    """Columns of `ASSET` about size, the venue's pools and conservative prices.

    Args:
        asset: [n] code in the book.
        chosen: [n] collateral schedule.
        row: numbers a row.
    """
    plain = row(np.ones(resolved.scenarios))
    low, high = conservative_ratios(dimensions, resolved) if conservative_models(rulebook) else (np.ones_like(resolved.value),) * 2
    sizes = [schedule.size_scaling for schedule in chosen]
    pools = [schedule.concentration or Concentration() for schedule in chosen]
    factors = currency_values(dimensions, resolved, [schedule.currency for schedule in chosen])
    pool_deposits, pool_borrows = (dimensions.assets[name].to_numpy()[asset] for name in ("pool_deposits", "pool_borrows"))

    def times(level: float, units: float, place: int) -> Floats:
        """The value of the pool as a multiple of the level, where above it."""
        found: Floats = np.maximum(1.0, units * np.abs(resolved.value[asset[place]]) / (level * factors[place]))
        return found

    def deposits(levels: Sequence[float | None]) -> list[int]:
        return [plain if level is None else row(1.0 / times(level, pool_deposits[place], place)) for place, level in enumerate(levels)]

    def borrows(levels: Sequence[float | None]) -> list[int]:
        return [plain if level is None else row(times(level, pool_borrows[place], place)) for place, level in enumerate(levels)]

    def of_prices(ratios: Floats) -> npt.NDArray[np.int32]:
        moved = (ratios != 1.0).any(axis=1)
        return np.array([row(values) if differs else plain for values, differs in zip(ratios, moved, strict=True)], dtype=np.int32)[asset]

    return {
        "scaled": [size is not None or schedule.concentration is not None for size, schedule in zip(sizes, chosen, strict=True)],
        "capped": [schedule.cap is not None for schedule in chosen],
        "conservative": ((low != 1.0).any(axis=1) | (high != 1.0).any(axis=1))[asset],
        "low_row": of_prices(low),
        "high_row": of_prices(high),
        "deposits_maintenance_row": deposits([pool.deposits_above.maintenance for pool in pools]),
        "deposits_initial_row": deposits([pool.deposits_above.initial for pool in pools]),
        "borrows_maintenance_row": borrows([pool.borrows_above.maintenance for pool in pools]),
        "borrows_initial_row": borrows([pool.borrows_above.initial for pool in pools]),
        "maintenance_growth": [0.0 if size is None else size.factor.maintenance for size in sizes],
        "initial_growth": [0.0 if size is None else size.factor.initial for size in sizes],
        "asset_numerator": [np.inf if size is None else size.asset_numerator for size in sizes],
        "liability_share": [0.0 if size is None else size.liability_share for size in sizes],
        "floor_to": [0.0 if size is None else size.floor_to or 0.0 for size in sizes],
    }
