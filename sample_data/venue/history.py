"""Daily values of the followed prices and of some vols up to the day of a snapshot: what generators and reverse stress tests measure moves by.

A few common moves, one of each asset's own, and a size of all of them that comes in waves and has fat tails. Every day has random numbers of its own
(counter-based: the day is the counter), so a longer history would have the same ones. Moves of a price add up to the variance that `daily_vol` says.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from venue.underlyings import CALENDAR_DAYS_ROOT, NEXT_DAY_VOL, UNDERLYINGS, Floats, Underlying, significant

SEED = 20250701
FIRST_DAY = date(2025, 7, 1)
HOLIDAYS = {date(2025, 12, 25), date(2026, 1, 1), date(2026, 4, 3)}
"""Days on which coins alone trade, besides weekends."""

COMMON = ("risk", "coins", "dollar", "metals", "oil", "gas", "grains")

# Loadings on the common moves; the rest of the variance is the asset's own. `dollar` is a falling dollar.
# fmt: off
_LOADINGS: dict[str, dict[str, float]] = {
    "BTC": {"risk": 0.35, "coins": 0.85}, "ETH": {"risk": 0.37, "coins": 0.86}, "SOL": {"risk": 0.36, "coins": 0.82},
    "BNB": {"risk": 0.30, "coins": 0.68}, "TRX": {"risk": 0.20, "coins": 0.50}, "HYPE": {"risk": 0.30, "coins": 0.60},
    "SPX": {"risk": 0.95}, "NDX": {"risk": 0.92}, "RUT": {"risk": 0.86}, "MXEF": {"risk": 0.66, "dollar": 0.25},
    "SX5E": {"risk": 0.72}, "DAX": {"risk": 0.70}, "NKY": {"risk": 0.52, "dollar": -0.30},
    "XAU": {"risk": -0.05, "metals": 0.85, "dollar": 0.35}, "XAG": {"risk": 0.15, "metals": 0.78, "dollar": 0.28},
    "XPT": {"risk": 0.25, "metals": 0.55, "dollar": 0.20}, "HG": {"risk": 0.48, "metals": 0.20, "dollar": 0.20},
    "EUR": {"risk": 0.10, "dollar": 0.90}, "GBP": {"risk": 0.22, "dollar": 0.78}, "JPY": {"risk": -0.30, "dollar": 0.60},
    "CHF": {"risk": -0.12, "dollar": 0.82}, "AUD": {"risk": 0.45, "dollar": 0.66}, "CAD": {"risk": 0.42, "dollar": 0.52, "oil": 0.18},
    "NZD": {"risk": 0.42, "dollar": 0.64}, "MXN": {"risk": 0.48, "dollar": 0.36},
}
# fmt: on
_BY_TAG = {
    "meme": {"risk": 0.32, "coins": 0.64},
    "gas": {"gas": 0.97, "oil": 0.10},
    "energy": {"risk": 0.28, "oil": 0.94},
    "grain": {"grains": 0.68, "dollar": 0.12},
}
_OTHER_COIN = {"risk": 0.34, "coins": 0.76}

# Vols that are followed: moves of a day, and their correlation with those of the price.
VOLS = {"BTC": (0.032, -0.30), "ETH": (0.035, -0.35), "SPX": (0.055, -0.75), "NDX": (0.050, -0.72), "XAU": (0.028, -0.05), "WTI-F27": (0.034, -0.40)}

_TAIL = 6
"""Degrees of freedom of the size of a day's moves."""
_WAVE, _RETURN_TO_MEAN = (0.96, 0.07), 0.97


def _loadings(u: Underlying) -> Floats:
    named = _LOADINGS.get(u.asset) or next((loads for tag, loads in _BY_TAG.items() if tag in u.tags), _OTHER_COIN)
    return np.array([named.get(name, 0.0) for name in COMMON])


def _trades(u: Underlying, day: date) -> bool:
    return u.asset_class == "crypto" or (day.weekday() < 5 and day not in HOLIDAYS)


def _moves(days: list[date]) -> tuple[Floats, Floats]:
    """Standardised moves [days, underlyings] and independent ones of vols [days, vols]; a day's size is common to all."""
    loadings = np.array([_loadings(u) for u in UNDERLYINGS])
    own = np.sqrt(1.0 - (loadings**2).sum(axis=1))
    prices, vols, wave = [], [], 0.0
    for day in days:
        rng = np.random.Generator(np.random.Philox(key=SEED, counter=[0, 0, 0, day.toordinal()]))
        wave = _WAVE[0] * wave + _WAVE[1] * rng.standard_normal()
        size = np.exp(wave) * np.sqrt(_TAIL / rng.chisquare(_TAIL))
        common, alone = rng.standard_normal(len(COMMON)), rng.standard_normal(len(UNDERLYINGS))
        prices.append(size * ((loadings * common).sum(axis=1) + own * alone))
        vols.append(size * rng.standard_normal(len(VOLS)))
    return np.array(prices), np.array(vols)


def history(tables: list[pl.DataFrame], last: date) -> pl.DataFrame:
    """The history table of the last of consecutive snapshot days: values on the days of the snapshots are theirs.

    Args:
        tables: the assets table of every snapshot day so far, the first one first.
        last: the day of the last one.
    """
    start = last - timedelta(days=len(tables) - 1)
    days = [FIRST_DAY + timedelta(days=number) for number in range((start - FIRST_DAY).days + 1)]
    moves, of_vols = _moves(days)
    known = [dict(zip(table["asset"], table["price"], strict=True)) for table in tables]
    later = [start + timedelta(days=number) for number in range(1, len(tables))]
    parts = []
    for place, u in enumerate(UNDERLYINGS):
        # The move of the first day would be from one before it.
        open_days = np.array([_trades(u, day) and number > 0 for number, day in enumerate(days)])
        steps = np.where(open_days, moves[:, place], 0.0)
        standard = steps / np.sqrt((steps**2).sum() / (len(days) - 1))
        path = np.cumsum(standard * (u.vol / CALENDAR_DAYS_ROOT))
        levels = significant(known[0][u.asset] * np.exp(path - path[-1]), 5)
        levels[-1] = known[0][u.asset]
        parts.append(_rows(f"spot:{u.asset}", u, [*days, *later], [*levels.tolist(), *(prices[u.asset] for prices in known[1:])]))
        if u.asset in VOLS:
            spread, correlation = VOLS[u.asset]
            alone = np.where(open_days, of_vols[:, list(VOLS).index(u.asset)], 0.0)
            shocks = spread * (correlation * steps + np.sqrt(1.0 - correlation**2) * alone)
            away = np.zeros(len(days))
            for number in range(1, len(days)):
                away[number] = (_RETURN_TO_MEAN if open_days[number] else 1.0) * away[number - 1] + shocks[number]
            levels = significant(u.vol * np.exp(away - away[-1]), 4)
            parts.append(_rows(f"vol:{u.asset}", u, [*days, *later], [*levels.tolist(), *(u.vol * NEXT_DAY_VOL[u.asset_class] for _ in later)]))
    return pl.concat(parts).sort("factor", "date")


def _rows(factor: str, u: Underlying, days: list[date], values: list[float]) -> pl.DataFrame:
    """The rows of a factor on the days on which it trades."""
    rows = [(day, factor, value) for day, value in zip(days, values, strict=True) if _trades(u, day)]
    return pl.DataFrame(rows, schema={"date": pl.Date, "factor": pl.String, "value": pl.Float64}, orient="row")
