"""Figures and names as text for people at a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

NOTHING = "–"
_WHOLE_FROM = 1_000_000.0
"""A column that reaches this is shown in whole units: cents beside millions hide the figure."""

Formatter = Callable[[float | None], str]


def money(amount: float | None, decimals: int = 2) -> str:
    """With thousands separators, never a negative zero; a dash where there is none.

    >>> money(-1234.5), money(-0.001), money(None), money(1234567.8, 0)
    ('-1,234.50', '0.00', '–', '1,234,568')
    """
    if amount is None:
        return NOTHING
    return f"{round(amount, decimals) + 0.0:,.{decimals}f}"


def money_of(amounts: Iterable[float | None]) -> Formatter:
    """One way to write all amounts of a table: to the cent, in whole units where one of them reaches a million.

    >>> money_of([1.0, None])(3.5), money_of([-2e6])(3.5)
    ('3.50', '4')
    """
    decimals = 0 if max((abs(amount) for amount in amounts if amount is not None), default=0.0) >= _WHOLE_FROM else 2
    return lambda amount: money(amount, decimals)


def number(amount: float | None) -> str:
    """Seven significant digits with thousands separators: for prices and quantities, whatever their scale.

    >>> number(63250.25), number(0.00001234), number(1500000.0), number(-0.0), number(None)
    ('63,250.25', '0.00001234', '1,500,000', '0', '–')
    """
    if amount is None:
        return NOTHING
    if amount == 0:
        return "0"  # also for a negative zero
    if not math.isfinite(amount):
        return f"{amount:g}"
    digits = min(12, max(0, 6 - math.floor(math.log10(abs(amount)))))
    text = f"{amount:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float | None, signed: bool = False) -> str:
    """A decimal as per cent: two places at most, none from 1000 % on.

    >>> percent(0.05), percent(-0.3717, signed=True), percent(0.0045), percent(16.4707, signed=True)
    ('5%', '-37.17%', '0.45%', '+1647%')
    """
    if share is None:
        return NOTHING
    decimals = 2 if abs(share) < 10 else 0
    text = f"{100 * share:{'+' if signed and share else ''}.{decimals}f}"
    return f"{text.rstrip('0').rstrip('.') if decimals else text}%"


def interval(lower: float, upper: float | None) -> str:
    """The edges of a band or tier.

    >>> interval(0.0, 1000000.0), interval(1000000.0, None)
    ('0 to 1,000,000', 'from 1,000,000')
    """
    return f"from {number(lower)}" if upper is None else f"{number(lower)} to {number(upper)}"
