"""What clients hold: every style of account trades its own instruments, in its own size and direction."""

from __future__ import annotations

import numpy as np

from venue.listings import Listing
from venue.members import SEGMENTS, Members
from venue.planted import PLANTED
from venue.underlyings import BY_ASSET, UNDERLYINGS, Floats

# style -> (average number of positions, share of longs, instrument groups with weights)
_STYLES: dict[str, tuple[float, float, dict[str, float]]] = {
    "retail_perpetual": (4.2, 0.62, {"usdt_perpetual": 1.0, "usdc_perpetual": 0.3, "tradfi_perpetual": 0.5}),
    "retail_coin_margined": (2.6, 0.58, {"inverse_perpetual": 1.0, "quanto": 1.0}),
    "retail_options": (6.0, 0.75, {"coin_option": 1.0, "usdt_perpetual": 0.3}),
    "retail_spot": (2.2, 1.0, {"spot": 1.0}),
    "directional_coins": (20.0, 0.52, {"usdt_perpetual": 1.0, "usdc_perpetual": 0.8, "inverse_perpetual": 1.2, "coin_future": 1.0, "quanto": 0.6}),
    "concentrated": (3.0, 0.9, {"usdt_perpetual": 1.0}),
    "trend": (
        20.0,
        0.5,
        {"index_future": 1.0, "fx_future": 1.0, "energy_future": 1.0, "metal_future": 1.2, "grain_future": 1.0, "usdc_perpetual": 0.05},
    ),
    "short_vol": (26.0, 0.14, {"coin_option": 1.0, "index_option": 0.9, "commodity_option": 1.0}),
    "long_vol": (20.0, 0.85, {"coin_option": 1.0, "index_option": 1.2, "commodity_option": 0.6}),
    "relative_value": (
        22.0,
        0.5,
        {"usdt_perpetual": 1.0, "usdc_perpetual": 1.0, "coin_future": 4.0, "inverse_future": 4.0, "index_future": 1.5, "energy_future": 2.0},
    ),
    "basis": (9.0, 0.03, {"inverse_perpetual": 1.5, "inverse_future": 4.0, "coin_future": 3.0, "usdc_perpetual": 0.5}),
    "macro": (
        22.0,
        0.5,
        {"index_future": 1.0, "fx_future": 1.2, "metal_future": 1.0, "energy_future": 0.7, "index_option": 0.25, "commodity_option": 0.3},
    ),
    "miner": (4.0, 0.04, {"inverse_perpetual": 0.6, "inverse_future": 3.0, "coin_future": 0.8}),
    "oil_hedger": (5.0, 0.92, {"energy_future": 1.0}),
    "fx_hedger": (4.0, 0.2, {"fx_future": 1.0}),
    "farmer": (3.5, 0.08, {"grain_future": 1.0}),
    "futures_client": (9.0, 0.53, {"index_future": 1.0, "fx_future": 0.8, "energy_future": 1.0, "metal_future": 0.8, "grain_future": 1.2}),
    "index_options": (12.0, 0.45, {"index_option": 1.0, "index_future": 0.2}),
    "flat": (0.0, 0.5, {}),
    "maker": (0.0, 0.5, {}),
}


def _group(item: Listing) -> str:
    u = BY_ASSET[item.underlying]
    coin = u.asset_class == "crypto"
    if item.kind == "option":
        return "coin_option" if coin else "index_option" if u.asset_class == "equity" else "commodity_option"
    if item.kind == "spot":
        return "spot"
    if item.payoff == "quanto":
        return "quanto"
    if item.kind == "perpetual":
        return "inverse_perpetual" if item.payoff == "inverse" else "tradfi_perpetual" if not coin else f"{item.quote.lower()}_perpetual"
    if coin:
        return "inverse_future" if item.payoff == "inverse" else "coin_future"
    return "index_future" if u.asset_class == "equity" else "fx_future" if u.asset_class in ("cash", "fx") else f"{u.tags[0]}_future"


def client_positions(members: Members, listed: tuple[Listing, ...], unit: Floats, rng: np.random.Generator) -> list[tuple[int, int, int]]:
    """(account, instrument, steps) of everyone but the market makers; `unit` is the notional of one step."""
    groups = np.array([_group(item) for item in listed])
    popularity = np.array([item.popularity for item in listed])
    spreads = {name: (notional, dispersion) for name, (_, _, notional, dispersion, _) in SEGMENTS.items()}
    trend = {u.asset: 1 if rng.random() < 0.55 else -1 for u in UNDERLYINGS} | {"XAU": 1, "SPX": 1, "NDX": 1, "JPY": -1, "WTI-F27": -1}
    weights = {}
    for style, (_, _, shares) in _STYLES.items():
        weight = np.zeros(len(listed))
        for group, share in shares.items():
            weight[groups == group] = share * popularity[groups == group]
        weights[style] = weight / weight.sum() if shares else weight
    rows = []
    for account, (segment, style) in enumerate(zip(members.accounts["segment"], members.styles, strict=True)):
        average, long_share, _ = _STYLES[style]
        if average == 0.0:
            continue
        available = int(np.count_nonzero(weights[style]))
        count = min(max(1, int(rng.poisson(average))), available)
        chosen = np.sort(rng.choice(len(listed), size=count, replace=False, p=weights[style]))
        median, dispersion = spreads[segment]
        gross = median * float(np.exp(rng.normal(0.0, dispersion))) * {"concentrated": 3.5, "basis": 1.5, "short_vol": 0.9}.get(style, 1.0)
        parts = rng.dirichlet(np.full(count, 1.3)) * gross
        # An account leans one way: its own share of longs scatters around that of its style.
        lean = float(rng.beta(long_share * 4 + 0.1, (1 - long_share) * 4 + 0.1)) if 0.05 < long_share < 0.95 else long_share
        for instrument, part in zip(chosen, parts, strict=True):
            item = listed[instrument]
            sign = 1 if rng.random() < lean else -1
            if style in ("trend", "oil_hedger") and rng.random() < 0.6:
                sign = trend[item.underlying] if style == "trend" else 1
            if style in ("short_vol", "basis", "directional_coins") and groups[instrument] == "index_option":
                sign = -1 if style == "short_vol" else sign
            # Options are bought and sold in sizes that look large beside their premium, but not beside a future.
            scale = 0.7 if item.kind == "option" else 1.0
            rows.append((account, int(instrument), sign * max(1, round(part * scale / unit[instrument]))))
    number = {account: place for place, account in enumerate(members.accounts["account_id"])}
    place = {item.instrument_id: i for i, item in enumerate(listed)}
    return rows + [
        (number[case.account_id], place[name], round(contracts / listed[place[name]].step))
        for case in PLANTED
        for name, contracts in case.contracts.items()
    ]
