"""Prices that are possible and hardly true: a mark far from its underlying, an entry far from the mark. Told, never refused."""

from __future__ import annotations

import numpy as np

from stresstest.errors import counted
from stresstest.snapshot.book import Floats
from stresstest.snapshot.quality import Note
from stresstest.snapshot.session import Session

_MARK_FACTOR = 5.0
"""A mark further than this from its underlying is more likely of another unit or coin than a basis."""

_ENTRY_FACTOR = 20.0
"""An entry further than this from the mark is more likely of another unit than an old position."""

_SHOWN = 5

FAR_ENTRY = (
    "coalesce(kind <> 'option' AND NOT up_front AND entry_price > 0 AND mark_price > 0 "
    f"AND (entry_price > {_ENTRY_FACTOR} * mark_price OR {_ENTRY_FACTOR} * entry_price < mark_price), false)"
)
"""SQL: a position's entry is far from the mark. Premiums of options do move so far, and on spot no figure depends on the entry."""


def mark_notes(session: Session, values: Floats, notionals: Floats) -> list[Note]:
    """Marks of held linear instruments against the price of their underlying in quote units, `X_underlying / X_quote`.

    Not of options, inverse and quanto contracts, nor of prices at or below zero: they do not compare. No row where nothing does.

    Args:
        values: price of every asset code, reporting currency.
        notionals: gross notional held per instrument code, reporting currency.
    """
    rows = session.connection.sql(
        "SELECT code, instrument_id, mark_price, underlying_code, quote_code FROM held_instruments "
        "WHERE kind <> 'option' AND payoff = 'linear' AND mark_price > 0 AND underlying_code IS NOT NULL AND quote_code IS NOT NULL ORDER BY code"
    ).fetchall()
    compared = [
        (code, name, mark / (values[underlying] / values[quote]))
        for code, name, mark, underlying, quote in rows
        if values[underlying] > 0.0 and values[quote] > 0.0
    ]
    far = [(code, name, ratio) for code, name, ratio in compared if _factor(ratio) > _MARK_FACTOR]
    if not compared:
        return []
    message = (
        f"{len(far):,} of {counted(len(compared), 'mark')} of linear instruments more than a factor of {_MARK_FACTOR:g} from the underlying's price"
    )
    message += ": " + _shown([f"{name} ({ratio:.4g} times)" for _, name, ratio in far]) if far else "."
    worst = max(_factor(ratio) for _, _, ratio in compared)
    touched = float(np.nansum(notionals[[code for code, _, _ in far]]))
    return [Note("mark against underlying", "instruments", bool(far), len(far), message, worst, _MARK_FACTOR, touched)]


def entry_notes(session: Session, units: Floats) -> list[Note]:
    """Lots whose entry is far from the mark: to be asked where a first look has met one, since it reads the positions again.

    Args:
        units: notional of one contract of every instrument code, reporting currency.
    """
    with session.reading("positions"):
        # In one order, so that sums are the same bits whatever order the rows came in.
        rows = session.connection.sql(
            "SELECT i.code, i.instrument_id, abs(p.quantity), p.entry_price / i.mark_price FROM raw_positions p "
            f"JOIN held_instruments i ON p.instrument_id = i.instrument_id WHERE {FAR_ENTRY} ORDER BY ALL"
        ).fetchall()
    if not rows:
        return []
    farthest: dict[str, float] = {}
    for _, name, _, ratio in rows:
        farthest[name] = max(farthest.get(name, 1.0), ratio, key=_factor)
    message = (
        f"{counted(len(rows), 'lot')} of {counted(len(farthest), 'instrument')} entered at more than a factor of {_ENTRY_FACTOR:g} from the mark: "
        + _shown([f"{name} ({ratio:.4g} times)" for name, ratio in farthest.items()])
    )
    touched = float(np.nansum([size * units[code] for code, _, size, _ in rows]))
    worst = max(map(_factor, farthest.values()))
    return [Note("entry against mark", "positions", True, len(rows), message, worst, _ENTRY_FACTOR, touched)]


def _factor(ratio: float) -> float:
    return float(max(ratio, 1.0 / ratio)) if ratio > 0.0 else float("inf")


def _shown(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else ".")
