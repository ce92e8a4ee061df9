"""Which options and shares of a pool a strategy model takes together: by quantities and terms alone, the same in every scenario."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

Row = dict[str, Any]


@dataclass
class Leg:
    """A position that rules look at; `left` is what of its units of the underlying no strategy has taken yet, with its sign."""

    instrument: int
    kind: str
    underlying: int
    currency: int
    expiry: datetime | None
    strike: float
    left: float

    def order(self) -> tuple[Any, ...]:
        """Expiry, calls before puts, calls from the lowest strike, puts from the highest."""
        return self.expiry, self.kind, self.strike if self.kind == "call" else -self.strike, self.instrument

    def payoff(self, settled: float) -> float:
        """Of one unit at settlement."""
        return max(0.0, settled - self.strike if self.kind == "call" else self.strike - settled)


@dataclass(frozen=True)
class Strategy:
    """What is charged together: `parts` are (leg, signed units); of what needs its largest loss that `loss` and `unpaired` calls."""

    rule: str
    parts: tuple[tuple[Leg, float], ...]
    loss: float = 0.0
    unpaired: float = 0.0


def recognise(rows: Sequence[Row], recognition: str) -> list[Strategy]:
    """The strategies of one pool.

    Args:
        rows: its options and shares: `instrument, kind` (share, call, put), `underlying, currency, expiry, strike, units`.
        recognition: that of the model.
    """
    legs = [Leg(row["instrument"], row["kind"], row["underlying"], row["currency"], row["expiry"], row["strike"], row["units"]) for row in rows]
    found: list[Strategy] = []
    for underlying in sorted({leg.underlying for leg in legs}):
        own = [leg for leg in legs if leg.underlying == underlying]
        shares = [leg for leg in own if leg.kind == "share"]
        found += [Strategy("shares", ((leg, leg.left),)) for leg in shares]
        held = sum(leg.left for leg in shares)
        for currency in sorted({leg.currency for leg in own if leg.kind != "share"}):
            options = sorted((leg for leg in own if leg.kind != "share" and leg.currency == currency), key=Leg.order)
            if recognition == "pairs":
                paired, held = _by_pairs(options, held)
                found += paired
            else:
                found += _by_expiry(options)
    return found


def _largest_loss(parts: Sequence[tuple[Leg, float]]) -> float:
    settlements = {0.0, *(leg.strike for leg, _ in parts)}
    return max(0.0, *(-sum(units * leg.payoff(settled) for leg, units in parts) for settled in settlements))


def _matched(short: Leg, long: Leg) -> tuple[tuple[Leg, float], tuple[Leg, float]]:
    units = min(-short.left, long.left)
    short.left, long.left = short.left + units, long.left - units
    return (short, -units), (long, units)


def _by_pairs(legs: list[Leg], shares: float) -> tuple[list[Strategy], float]:
    found: list[Strategy] = []
    equal = ((short, long) for short in legs for long in legs if _terms(short) == _terms(long))
    found += [Strategy("equal legs", _matched(short, long)) for short, long in equal if short.left < 0 < long.left]
    for leg in legs:
        cover = min(-leg.left, max(0.0, shares if leg.kind == "call" else -shares)) if leg.left < 0 else 0.0
        if cover > 0:
            found.append(Strategy("covered", ((leg, -cover),)))
            leg.left += cover
            shares += -cover if leg.kind == "call" else cover
    spread = [_matched(short, long) for short, long in _later(legs) if short.left < 0 < long.left]
    for _, pairs in groupby(spread, key=lambda pair: pair[0][0].expiry):
        parts = tuple(part for pair in pairs for part in pair)
        found.append(Strategy("spread", parts, _largest_loss(parts)))
    for call in legs:
        for put in legs:
            if (call.kind, put.kind) == ("call", "put") and call.left < 0 and put.left < 0:
                units = min(-call.left, -put.left)
                call.left, put.left = call.left + units, put.left + units
                found.append(Strategy("strangle", ((call, -units), (put, -units))))
    found += [Strategy("naked short" if leg.left < 0 else "long option", ((leg, leg.left),)) for leg in legs if leg.left != 0]
    return found, shares


def _later(legs: list[Leg]) -> Iterator[tuple[Leg, Leg]]:
    """Every short leg with every leg of its type that expires no earlier, nearest first."""
    for short in legs:
        for long in legs:
            if long.kind == short.kind and _moment(long) >= _moment(short):
                yield short, long


def _terms(leg: Leg) -> tuple[str, datetime, float]:
    return leg.kind, _moment(leg), leg.strike


def _moment(leg: Leg) -> datetime:
    assert leg.expiry is not None, "options expire"
    return leg.expiry


def _by_expiry(legs: list[Leg]) -> list[Strategy]:
    found: list[Strategy] = []
    for _, same in groupby(legs, key=lambda leg: leg.expiry):
        parts = tuple((leg, leg.left) for leg in same)
        if any(units < 0 for _, units in parts):
            calls = sum(units for leg, units in parts if leg.kind == "call")
            found.append(Strategy("expiry", parts, _largest_loss(parts), max(0.0, -calls)))
        else:
            found += [Strategy("long option", (part,)) for part in parts]
    return found
