"""Strategy models against a book as the arrays that the kernels read."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.strategy_tables import CALL, EXPIRY_MAX_LOSS, NO_LEG, PAIRS, PUT, SHARES, STRATEGY, STRATEGY_LEG
from stresstest.margin.row_list import NewRows
from stresstest.margin.rulebook import Rulebook, StrategyModel
from stresstest.margin.strategy_terms import OptionTerms, Rules
from stresstest.margin.views import models_in_use
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Records = npt.NDArray[Any]


def strategy_tables(
    dimensions: Dimensions, resolved: Resolved, units: UnitValues, rulebook: Rulebook, new_rows: NewRows, value_row: Codes, price_row: Codes
) -> tuple[Records, Records, Codes]:
    """Records of type `STRATEGY` and `STRATEGY_LEG`, and which of the first each model has, -1 for other kinds and models without accounts.

    Args:
        new_rows: numbers rows [n, S] that the kernels are to read.
        value_row: row of the value of one contract, by instrument.
        price_row: row of X, by asset.
    """
    in_use = models_in_use(dimensions)
    named = {name: model for name, model in rulebook.models.items() if isinstance(model, StrategyModel) and name in in_use}
    of_model = np.array([list(named).index(name) if name in named else -1 for name in rulebook.models], dtype=np.int32)
    strategies = list(named.values())
    found = np.zeros(len(strategies), dtype=STRATEGY)
    if not strategies:
        return found, np.zeros(0, dtype=STRATEGY_LEG), of_model
    terms, rules = OptionTerms(dimensions), Rules.of(dimensions, resolved)
    legs = _legs(dimensions, terms)
    legs["value_row"], legs["strike_row"] = value_row, price_row[terms.strike_currency]
    options = np.flatnonzero(terms.direction)
    if any(model.recognition == "expiry_max_loss" for model in strategies):
        legs["forward_row"][options] = new_rows(units.forward[options] * resolved.value[terms.strike_currency[options]])
    per_model: list[Records] = []
    for record, model in zip(found, strategies, strict=True):
        record["first"] = len(per_model) * len(legs)
        record["recognition"] = EXPIRY_MAX_LOSS if model.recognition == "expiry_max_loss" else PAIRS
        record["unpaired_maintenance"], record["unpaired_initial"] = model.unpaired_scale.maintenance, model.unpaired_scale.initial
        own = legs.copy()
        own["long_maintenance"], own["long_initial"] = rules.long_rate(model, "maintenance"), rules.long_rate(model, "initial")
        shares = own["kind"] == SHARES
        if model.shares is None:
            own["kind"][shares] = NO_LEG
        else:
            own["long_maintenance"][shares], own["long_initial"][shares] = model.shares.long.maintenance, model.shares.long.initial
            record["short_maintenance"], record["short_initial"] = model.shares.short.maintenance, model.shares.short.initial
        maintenance, initial = naked_needs(model, rules, terms, resolved, units, options)
        contract = terms.of("contract_size")[options, None] * resolved.value[terms.strike_currency[options]]
        own["maintenance_row"][options], own["initial_row"][options] = new_rows(contract * maintenance), new_rows(contract * initial)
        per_model.append(own)
    return found, np.concatenate(per_model), of_model


def _legs(dimensions: Dimensions, terms: OptionTerms) -> Records:
    frame = dimensions.instruments
    legs = np.zeros(frame.height, dtype=STRATEGY_LEG)
    legs["kind"] = np.select([terms.direction > 0, terms.direction < 0, (frame["kind"] == "spot").to_numpy()], [CALL, PUT, SHARES], NO_LEG)
    legs["underlying"] = frame["underlying_code"].to_numpy()
    legs["expiry"] = frame["expiry"].dt.timestamp("us").fill_null(0).to_numpy()
    legs["strike"], legs["size"] = terms.of("strike"), terms.of("contract_size")
    pairs = legs["underlying"].astype(np.int64) * dimensions.assets.height + terms.strike_currency
    legs["group"] = np.unique(pairs, return_inverse=True)[1]
    option = terms.direction != 0
    by = (
        np.arange(len(legs)),
        np.where(option, terms.direction * legs["strike"], 0.0),
        legs["kind"],
        legs["expiry"],
        np.where(option, legs["group"], -1),
        legs["underlying"],
    )
    legs["rank"][np.lexsort(by)] = np.arange(len(legs), dtype=np.int32)
    return legs


def naked_needs(
    model: StrategyModel, rules: Rules, terms: OptionTerms, resolved: Resolved, units: UnitValues, options: npt.NDArray[np.integer[Any]]
) -> tuple[Floats, Floats]:
    """What one unit of a naked short option needs besides its value, maintenance and initial, [options, S] in the strike's currency.

    max(rate * leverage * |S| - otm, minimum * leverage * |base|, of_value * V), `otm = max(0, w * (K - S))`; the initial one at least
    `initial_multiple * (V + maintenance) - V`; then rounded with V.
    """
    frame = terms.dimensions.instruments
    unit = resolved.value[terms.strike_currency[options]]
    price = resolved.value[frame["underlying_code"].to_numpy()[options]] / unit
    strike, size = (terms.of(column)[options, None] for column in ("strike", "contract_size"))
    value = units.value_slope[options] / (size * unit)
    out_of_the_money = np.maximum(0.0, terms.direction[options, None] * (strike - price))
    chosen = rules.naked_short(model)
    rule = [chosen[code] for code in options]
    leverage = rules.leverage(model)[options, None]
    base = np.where(_column([each.base == "strike" for each in rule]), strike, price)

    def need(side: str) -> Floats:
        rate, minimum, of_value = (_column([getattr(getattr(each, side), name) for each in rule]) for name in ("rate", "minimum", "of_value"))
        charged = np.maximum(rate * leverage * np.abs(price) - out_of_the_money, minimum * leverage * np.abs(base))
        return np.asarray(np.maximum(charged, of_value * value), dtype=np.float64)

    maintenance, initial = need("maintenance"), need("initial")
    multiple = _column([each.initial_multiple for each in rule])
    initial = np.maximum(initial, multiple * (value + maintenance) - value)
    return _rounded(maintenance, value, model.round_to), _rounded(initial, value, model.round_to)


def _column(values: list[Any]) -> npt.NDArray[Any]:
    return np.array(values)[:, np.newaxis]


def _rounded(need: Floats, value: Floats, step: float | None) -> Floats:
    """So that need and value are a multiple of `step`, halves to even; a millionth of a step from a half is one: binary fractions seldom are."""
    if step is None:
        return need
    return np.asarray(np.maximum(0.0, np.rint(np.round((value + need) / step, 6)) * step - value), dtype=np.float64)
