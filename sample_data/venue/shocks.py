"""A few coarse shocks that the sample's accounts hold collateral against.

Not the scenarios of the run: the script needs them only to give accounts a plausible cushion, and market makers a hedge.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import polars as pl

from venue.holdings import Market
from venue.listings import YEAR_SECONDS
from venue.prices import bachelier, black
from venue.underlyings import BY_ASSET, Floats


@dataclass(frozen=True)
class Shock:
    """Relative moves by asset, tag or asset class (the first that matches), and a factor on vols by asset class."""

    moves: tuple[tuple[str, float], ...]
    vols: tuple[tuple[str, float], ...] = ()


SHOCKS = (
    Shock(
        (("major", -0.46), ("crypto", -0.52), ("USDE", -0.05), ("equity", -0.09), ("energy", -0.10), ("metal", -0.03)),
        (("crypto", 1.7), ("equity", 1.5), ("commodity", 1.2)),
    ),
    Shock((("major", 0.22), ("crypto", 0.34), ("equity", 0.02)), (("crypto", 1.15),)),
    Shock(
        (("crypto", -0.14), ("equity", -0.13), ("energy", -0.18), ("metal", -0.05), ("EUR", -0.02), ("JPY", 0.04), ("fx", -0.03)),
        (("equity", 2.2), ("crypto", 1.3), ("commodity", 1.5)),
    ),
    Shock((("crypto", 0.10), ("equity", 0.10), ("energy", 0.06), ("EUR", 0.02), ("JPY", -0.02), ("fx", 0.02)), (("equity", 0.75),)),
    Shock((("energy", 0.33), ("metal", 0.09), ("grain", 0.09), ("equity", -0.04), ("EUR", -0.02)), (("commodity", 1.5),)),
    Shock((("energy", -0.33), ("XAG", -0.25), ("metal", -0.11), ("grain", -0.09), ("EUR", 0.03), ("JPY", 0.05), ("fx", 0.03)), (("commodity", 1.5),)),
    Shock((("JPY", -0.05), ("EUR", -0.04), ("fx", -0.05), ("metal", -0.04)), (("crypto", 1.8), ("equity", 1.8), ("commodity", 1.6))),
    Shock((("JPY", 0.06), ("equity", -0.04), ("crypto", -0.08)), (("crypto", 0.65), ("equity", 0.75), ("commodity", 0.75))),
)


def shocked_markets(market: Market, instruments: pl.DataFrame, assets: pl.DataFrame, as_of: datetime) -> list[Market]:
    """The market of a day after each of `SHOCKS`."""
    currency = dict(zip(assets["asset"], assets["price_currency"], strict=True))
    return [shocked(market, instruments, as_of, shock, currency) for shock in SHOCKS]


def shocked(market: Market, instruments: pl.DataFrame, as_of: datetime, shock: Shock, price_currency: dict[str, str]) -> Market:
    """The market after a shock: marks of options by their model, of everything else in proportion."""
    moves = dict(shock.moves)
    ratio = np.ones(len(market.assets))
    value = market.value.copy()
    for place, asset in enumerate(market.assets):
        u = BY_ASSET.get(asset)
        keys = (asset, *(u.tags if u else ()), *((u.asset_class,) if u else ()))
        ratio[place] = next((1.0 + moves[key] for key in keys if key in moves), 1.0)
    for place, asset in enumerate(market.assets):
        currency = price_currency.get(asset)
        chained = ratio[place] * (ratio[market.assets.index(currency)] if currency else 1.0)
        value[place] *= chained
    relative = (value / market.value)[market.underlying]
    quoted = np.where((market.payoff == "inverse") & market.is_option, 1.0, (value / market.value)[market.quote])
    moved = relative / quoted
    mark = market.mark * moved
    option = market.is_option
    vols = dict(shock.vols)
    factor = np.array([vols.get(BY_ASSET[market.assets[u]].asset_class, 1.0) for u in market.underlying[option]])
    forward = (instruments["used_forward"].to_numpy() * moved)[option]
    years = (market.expiry[option] - as_of.timestamp()) / YEAR_SECONDS
    vol = instruments["implied_vol"].to_numpy()[option] * factor
    normal = (instruments["vol_type"].fill_null("lognormal") == "normal").to_numpy()[option]
    price = np.where(
        normal,
        bachelier(forward, market.strike[option], vol, years, market.sign[option]),
        black(forward, market.strike[option], np.where(normal, 0.3, vol), years, market.sign[option]),
    )
    mark[option] = np.where(market.payoff[option] == "inverse", price / forward, price)
    return replace(market, mark=mark, value=value)


def deltas(market: Market, instruments: pl.DataFrame, as_of: datetime) -> Floats:
    """Dollars made per contract when its underlying rises by 1 %, times 100."""
    option = market.is_option
    years = np.maximum(market.expiry[option] - as_of.timestamp(), 1.0) / YEAR_SECONDS
    forward = instruments["used_forward"].to_numpy()[option]
    vol = instruments["implied_vol"].to_numpy()[option]
    normal = (instruments["vol_type"].fill_null("lognormal") == "normal").to_numpy()[option]
    up, down = (
        np.where(
            normal,
            bachelier(forward * bump, market.strike[option], vol, years, market.sign[option]),
            black(forward * bump, market.strike[option], np.where(normal, 0.3, vol), years, market.sign[option]),
        )
        for bump in (1.005, 0.995)
    )
    result = market.notional.copy()
    strike_value = market.value[market.strike_currency[option]]
    result[option] = market.size[option] * (up - down) * 100.0 * strike_value
    return result
