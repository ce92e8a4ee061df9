"""What one short option contract needs under a schedule's `short_option` rule, in every scenario."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import Names
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ShortOptionNeeds:
    """`instruments`: codes of the options that have such a rule; `maintenance`, `initial` f64[those, S], reporting currency a contract."""

    instruments: npt.NDArray[np.int64]
    maintenance: Floats
    initial: Floats


def short_option_needs(dimensions: Dimensions, resolved: Resolved, rulebook: Rulebook, schedules: Names) -> ShortOptionNeeds:
    """What short options need by margin schedules; `schedules` [instruments]: those that they have.

    Per contract: contract size * max(rate * |S| - otm, minimum * |base|), in the strike's currency, then in reporting currency.
    `otm = max(0, w * (K - S))`, w = +1 call, -1 put; base is S or K: below
    zero their size counts, or a short option would be asked for less than nothing. The strike's currency is the quote currency, for
    inverse options the price currency of the underlying.
    """
    frame = dimensions.instruments
    rules = {name: schedule.short_option for name, schedule in rulebook.margin_schedules.items() if schedule.short_option is not None}
    ruled = np.array([kind == "option" and name in rules for kind, name in zip(frame["kind"], schedules, strict=True)], dtype=np.bool_)
    codes = np.flatnonzero(ruled)
    if not len(codes):
        none = np.empty((0, resolved.scenarios))
        return ShortOptionNeeds(codes, none, none)
    chosen = [rules[name] for name in (schedules[code] for code in codes) if name is not None]
    asset_codes = {name: code for code, name in enumerate(dimensions.assets["asset"])}
    price_currency = np.array([asset_codes[name] for name in dimensions.assets["price_currency"]])
    underlying = frame["underlying_code"].to_numpy()[codes]
    inverse = frame["payoff"].to_numpy()[codes] == "inverse"
    currency = np.where(inverse, price_currency[underlying], frame["quote_code"].to_numpy()[codes])
    unit = resolved.value[currency]
    price = resolved.value[underlying] / unit
    strike = frame["strike"].to_numpy()[codes][:, np.newaxis]
    sign = np.where(frame["option_type"].to_numpy()[codes] == "call", 1.0, -1.0)[:, np.newaxis]
    out_of_the_money = np.maximum(0.0, sign * (strike - price))
    on_strike = np.array([rule.base == "strike" for rule in chosen])[:, np.newaxis]
    base = np.where(on_strike, strike, price)
    contract = frame["contract_size"].to_numpy()[codes][:, np.newaxis] * unit

    def need(side: str) -> Floats:
        rate = np.array([getattr(rule, side).rate for rule in chosen])[:, np.newaxis]
        minimum = np.array([getattr(rule, side).minimum for rule in chosen])[:, np.newaxis]
        return np.asarray(contract * np.maximum(rate * np.abs(price) - out_of_the_money, minimum * np.abs(base)), dtype=np.float64)

    return ShortOptionNeeds(codes, need("maintenance"), need("initial"))
