"""How fast instruments are revalued, beside what a user would do instead: one NumPy expression over all states, and a QuantLib loop.

    python -m benchmarks.bench_valuation

All in one run, as seconds per million (option, scenario) and ratios; QuantLib, one call an option and state, runs on one scenario of the set.
American options: where every scenario moves the vol, each has a boundary of its own; where it moves prices alone, an option has one for all.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import QuantLib  # type: ignore[import-untyped]  # has no stubs
from scipy.special import ndtr

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.unit_values import UnitValues
from stresstest.valuation.value import value_instruments

AS_OF = datetime(2026, 11, 20, 8, tzinfo=UTC)
UNDERLYINGS = 60


def make(options: int, others: int, scenarios: int, seed: int = 1, *, exercise: str = "european", vols: bool = True) -> tuple[Dimensions, Resolved]:
    """A book of perpetuals and options on 60 underlyings, and scenarios that move every price and (`vols`) every vol."""
    random = np.random.default_rng(seed)
    price = np.concatenate([np.exp(random.uniform(0.0, 10.0, UNDERLYINGS)), [1.0]])
    assets = pl.DataFrame(
        {
            "asset": [*(f"A{i:02d}" for i in range(UNDERLYINGS)), "USD"],
            "price": price,
            "price_currency": ["USD"] * (UNDERLYINGS + 1),
            "rate": np.full(UNDERLYINGS + 1, 0.03),
            "may_be_negative": np.zeros(UNDERLYINGS + 1, dtype=bool),
        }
    )
    count = options + others
    option = np.arange(count) >= others
    underlying = (np.arange(count) % UNDERLYINGS).astype(np.int32)
    spot, days = price[underlying], random.integers(2, 360, count)
    call, years = np.arange(count) % 2 == 0, days / 365.0
    strike, vol = spot * np.exp(random.normal(0.0, 0.3, count) * np.sqrt(years)), random.uniform(0.3, 1.2, count)
    mark = np.where(option, numpy_black(spot * np.exp(0.03 * years), strike, vol, years, np.where(call, 1.0, -1.0), 0.03), spot * 1.001)
    instruments = pl.DataFrame(
        {
            "instrument_id": [f"I{i:06d}" for i in range(count)],
            "kind": np.where(option, "option", "perpetual"),
            "underlying": [f"A{i:02d}" for i in underlying],
            "quote": ["USD"] * count,
            "payoff": ["linear"] * count,
            "contract_size": np.ones(count),
            "mark_price": mark,
            "expiry": [AS_OF + timedelta(days=int(d)) for d in days],
            "strike": strike,
            "option_type": np.where(call, "call", "put"),
            "exercise": [exercise] * count,
            "implied_vol": np.full(count, np.nan),
            "vol_type": ["lognormal"] * count,
            "forward": np.full(count, np.nan),
            "settlement_averaging_seconds": np.full(count, np.nan),
            "settled_average": np.full(count, np.nan),
            "premium_style": ["paid"] * count,
            "underlying_code": underlying,
            "quote_code": np.full(count, UNDERLYINGS, dtype=np.int32),
            "settle_code": np.full(count, UNDERLYINGS, dtype=np.int32),
        }
    ).with_columns(pl.col("implied_vol", "forward", "settlement_averaging_seconds", "settled_average").fill_nan(None))
    value = price[:, None] * np.exp(random.normal(0.0, 0.2, (UNDERLYINGS + 1, scenarios)))
    value[:, 0], value[-1] = price, 1.0
    ones = np.ones_like(value)
    scale = np.broadcast_to(
        np.concatenate([[1.0], random.uniform(0.7, 2.0, scenarios - 1) if vols else np.ones(scenarios - 1)]), (options, scenarios)
    ).copy()
    empty = pl.DataFrame()
    dimensions = Dimensions(AS_OF, "USD", assets, instruments, empty, empty, empty, empty)
    return dimensions, Resolved(
        ids=("base", *(f"s{i}" for i in range(1, scenarios))),
        spot=value,
        value=value,
        rate=0.03 * ones,
        basis=np.zeros((count, scenarios)),
        option_codes=np.flatnonzero(option).astype(np.int32),
        vol_scale=scale,
        vol_shift=np.zeros((options, scenarios)),
        collateral_ratio=ones,
        haircut_scale=ones,
        haircut_shift=0.0 * ones,
        holding_rows={},
        margin_rate={},
        depth={},
        elapsed_years=np.zeros(scenarios),
    )


def numpy_black(forward: Any, strike: Any, vol: Any, years: Any, sign: Any, rate: float) -> Any:
    """Black-76 the textbook way."""
    deviation = vol * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    return np.exp(-rate * years) * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation)))


def with_numpy(resolved: Resolved, terms: pl.DataFrame) -> Any:
    """Values of all options in all scenarios in one expression; prices only, vols given, no bounds, no clamps, no base to hold."""
    column = {name: terms[name].to_numpy()[:, None] for name in ("strike", "base_vol", "base_years", "sign", "base_forward", "base_ratio")}
    forward = column["base_forward"] * resolved.value[terms["underlying_code"].to_numpy()] / column["base_ratio"]
    return numpy_black(forward, column["strike"], column["base_vol"] * resolved.vol_scale, column["base_years"], column["sign"], 0.03)


def with_quantlib(resolved: Resolved, terms: pl.DataFrame, scenario: int) -> list[float]:
    """Values of all options in one scenario, a call each."""
    return [
        QuantLib.blackFormula(
            QuantLib.Option.Call if row["sign"] > 0 else QuantLib.Option.Put,
            row["strike"],
            row["base_forward"] * resolved.value[row["underlying_code"], scenario] / row["base_ratio"],
            row["base_vol"] * resolved.vol_scale[number, scenario] * row["base_years"] ** 0.5,
            np.exp(-0.03 * row["base_years"]),
        )
        for number, row in enumerate(terms.iter_rows(named=True))
    ]


def american_with_quantlib(resolved: Resolved, terms: pl.DataFrame, scenario: int) -> list[float]:
    """Values of all American options in one scenario, a call each, with QuantLib's engine of the same method at its usual accuracy."""
    today, counter = QuantLib.Date(1, 1, 2026), QuantLib.Actual365Fixed()
    QuantLib.Settings.instance().evaluationDate = today
    spot, rate, dividend, vol = (QuantLib.SimpleQuote(1.0) for _ in range(4))
    interest, yields = (QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(today, QuantLib.QuoteHandle(q), counter)) for q in (rate, dividend))
    flat = QuantLib.BlackConstantVol(today, QuantLib.NullCalendar(), QuantLib.QuoteHandle(vol), counter)
    process = QuantLib.BlackScholesMertonProcess(QuantLib.QuoteHandle(spot), yields, interest, QuantLib.BlackVolTermStructureHandle(flat))
    engine = QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.accurateScheme())
    exercise = QuantLib.AmericanExercise(today, today + 365)  # a year: rates and vols are scaled to the option's time
    prices = []
    for number, row in enumerate(terms.iter_rows(named=True)):
        spot.setValue(resolved.value[row["underlying_code"], scenario])
        rate.setValue(row["base_rate"] * row["base_years"])
        dividend.setValue((row["base_rate"] - row["carry"]) * row["base_years"])
        vol.setValue(row["base_vol"] * resolved.vol_scale[number, scenario] * row["base_years"] ** 0.5)
        option = QuantLib.VanillaOption(
            QuantLib.PlainVanillaPayoff(QuantLib.Option.Call if row["sign"] > 0 else QuantLib.Option.Put, row["strike"]), exercise
        )
        option.setPricingEngine(engine)
        prices.append(option.NPV())
    return prices


def best_of(repeats: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """Shortest wall time in seconds, and the last result."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def report() -> str:
    """The table of times and ratios."""
    lines = []
    for options, others, scenarios in ((1_000, 500, 60), (0, 2_000, 1_000), (5_000, 0, 1_000)):
        dimensions, resolved = make(options, others, scenarios)
        seconds, _ = best_of(3, partial(value_instruments, dimensions, resolved))
        lines.append(f"{options:>6,} options, {others:>5,} others, {scenarios:>5,} scenarios: {seconds:7.3f} s")
    ours: UnitValues = value_instruments(dimensions, resolved)
    terms = instrument_terms(dimensions, resolved)
    states = options * scenarios / 1e6
    by_numpy, numpy_values = best_of(3, lambda: with_numpy(resolved, terms))
    by_quantlib, quantlib_values = best_of(3, lambda: with_quantlib(resolved, terms, 7))
    # The three agree, or the comparison says nothing.
    assert np.allclose(ours.mark, numpy_values, rtol=1e-6, atol=1e-6)
    assert np.allclose(ours.mark[:, 7], quantlib_values, rtol=1e-6, atol=1e-6)
    mine = seconds / states
    for name, each in (
        ("here", mine),
        ("NumPy, price alone", by_numpy / states),
        (f"QuantLib loop, 1/{scenarios:,} of it", by_quantlib / (options / 1e6)),
    ):
        lines.append(f"{name:<30} {each:8.3f} s a million option states, {each / mine:6.2f} x")
    return "\n".join([*lines, *american()])


def american(options: int = 1_000, scenarios: int = 100) -> list[str]:
    """American options on futures a second, beside QuantLib."""
    lines, by_quantlib = [], 0.0
    for what, vols in (("vols move too", True), ("prices alone move", False)):
        dimensions, resolved = make(options, 0, scenarios, exercise="american", vols=vols)
        # On futures, where calls are exercised early too: the forward is the price.
        price = dimensions.assets["price"].gather(dimensions.instruments["underlying_code"])
        dimensions = dataclasses.replace(dimensions, instruments=dimensions.instruments.with_columns(forward=price))
        seconds, ours = best_of(2, partial(value_instruments, dimensions, resolved))
        if not by_quantlib:
            terms = instrument_terms(dimensions, resolved)
            by_quantlib, expected = best_of(2, partial(american_with_quantlib, resolved, terms, 7))
            usual = np.array([treatment == "implied" for treatment in ours.treatment])
            assert np.allclose(ours.mark[usual, 7], np.array(expected)[usual], rtol=1e-4, atol=1e-4)
        rate, theirs = options * scenarios / seconds, options / by_quantlib
        lines.append(f"American options, {what + ':':<18} {rate:9,.0f} a second (QuantLib {theirs:,.0f}), {rate / theirs:5.1f} x")
    return lines


if __name__ == "__main__":
    print(report())
