"""How figures and names are written: one place, one rounding rule (half away from zero, on the number's shortest decimal text).

Numbers carry a real minus sign (U+2212), thousands are separated by commas, a missing figure is an em dash, a zero is 0, and a
figure that is not zero but rounds to it is written `<1` (below zero: `>−1`), so that no small loss is mistaken for none.
"""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal

MISSING = "\N{EM DASH}"
MINUS = "\N{MINUS SIGN}"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"

_STEPS = ((Decimal(1), ""), (Decimal(10) ** 3, "k"), (Decimal(10) ** 6, "m"), (Decimal(10) ** 9, "bn"), (Decimal(10) ** 12, "tn"))

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]")
"""Characters that would move or hide their neighbours (controls, explicit marks of writing direction), and those that XML does not allow: one
of these in a chart would end the whole process, since the drawing library aborts on them."""


@dataclass(frozen=True)
class Scale:
    """The unit in which all money of one table is written, so that its figures can be compared at a glance."""

    divisor: Decimal
    suffix: str

    def unit(self, currency: str) -> str:
        """What the column header says, for example `USD k`."""
        return f"{currency} {self.suffix}" if self.suffix else currency


def _rounded(value: Decimal, decimals: int) -> Decimal:
    return value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _signed(value: Decimal, decimals: int) -> str:
    text = f"{abs(value):,.{decimals}f}"
    return f"{MINUS}{text}" if value < 0 else text


HALF_A_CENT = 0.005
"""Money closer to zero than this is zero: sums that cancel leave such rests."""


def _absent(value: float | None) -> bool:
    return value is None or math.isnan(value)


def number(value: float | None, decimals: int = 0) -> str:
    """A number at a fixed count of decimals.

    >>> number(1234567.5), number(-0.25, 1), number(0.2), number(None)
    ('1,234,568', '−0.3', '<1', '—')
    """
    if value is None or _absent(value):
        return MISSING
    if math.isinf(value):
        return "\N{INFINITY}" if value > 0 else f"{MINUS}\N{INFINITY}"
    exact = Decimal(repr(float(value)))
    rounded = _rounded(exact, decimals)
    if rounded == 0 and exact != 0:
        least = f"{Decimal(1).scaleb(-decimals):f}"
        return f"<{least}" if exact > 0 else f">{MINUS}{least}"
    return _signed(rounded, decimals) if rounded else "0"


def count(value: float | None) -> str:
    """A whole number with thousands separators."""
    return number(value, 0)


def money(value: float | None) -> str:
    """An amount for reading in a sentence: three steps of a thousand, one decimal from a thousand up.

    >>> money(41_249_000.0), money(-999_960.0), money(512.4), money(0.0)
    ('41.2m', '−1.0m', '512', '0')
    """
    if value is None or _absent(value) or math.isinf(value) or abs(value) < 999.5:
        return number(0.0 if value is not None and abs(value) < HALF_A_CENT else value)
    exact = Decimal(repr(float(value)))
    steps = [(_rounded(exact / divisor, 1), suffix) for divisor, suffix in _STEPS[1:]]
    # Chosen after rounding: 999,960 is 1.0m, never 1,000.0k.
    rounded, suffix = next((step for step in steps if abs(step[0]) < 1000), steps[-1])
    return f"{_signed(rounded, 1)}{suffix}"


def scale_for(values: list[float]) -> Scale:
    """The largest unit in which the largest amount of a table still has four digits before the point."""
    largest = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    fitting = [step for step in _STEPS[:4] if Decimal(repr(largest)) >= step[0] * 1000]
    return Scale(*(fitting[-1] if fitting else _STEPS[0]))


def scaled(value: float | None, scale: Scale) -> str:
    """An amount in the unit of its table, whole."""
    if value is not None and abs(value) < HALF_A_CENT:
        return number(0.0)
    if value is None or _absent(value) or math.isinf(value):
        return number(value)
    return number(float(Decimal(repr(float(value))) / scale.divisor))


def moment(value: str) -> str:
    """`2026-11-19 16:00 UTC` from ISO 8601; text that is no timestamp is shown as it is."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return shown(value)
    parsed = parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    return f"{parsed:%Y-%m-%d %H:%M} UTC"


def percent(value: float | None, decimals: int = 0) -> str:
    """A ratio as percent; the sign does not part from its number at the end of a line.

    >>> percent(0.634), percent(1.0 / 3.0, 1), percent(None)
    ('63\\xa0%', '33.3\\xa0%', '—')
    """
    if value is None or _absent(value):
        return MISSING
    if math.isinf(value):
        return number(value)
    return f"{number(float(Decimal(repr(float(value))) * 100), decimals)}\N{NO-BREAK SPACE}%"


def of(part: int, whole: int, noun: str, plural: str = "") -> str:
    """`2 of 24 scenarios`, with the noun in the number of the whole."""
    return f"{count(part)} of {plural_count(whole, noun, plural)}"


def plural_count(value: int, noun: str, plural: str = "") -> str:
    """`1 account`, `7 accounts`; a plural that is not the noun with an s is given."""
    return f"{count(value)} {noun if value == 1 else plural or noun + 's'}"


def shown(text: str | None) -> str:
    """Text from data as it may be shown: controls and marks of direction are spelled out, nothing else is changed.

    >>> shown("a\\u202eb"), shown(None)
    ('a\\\\u202eb', '—')
    """
    if text is None:
        return MISSING
    return _UNSAFE.sub(lambda found: f"\\u{ord(found.group()):04x}", text)


def shortened(text: str, limit: int) -> str:
    """Text of at most `limit` characters: the middle gives way, since the ends of identifiers tell them apart.

    >>> shortened("0x1234567890abcdef", 9)
    '0x12…cdef'
    """
    if len(text) <= limit:
        return text
    head = limit // 2
    tail = limit - 1 - head
    return f"{text[:head]}{ELLIPSIS}{text[len(text) - tail :]}"


def beginning(text: str, limit: int) -> str:
    """Prose of at most `limit` characters: its end gives way, between words where it can.

    >>> beginning("daily closes of March", 16)
    'daily closes of…'
    """
    if len(text) <= limit:
        return text
    cut = text[:limit]
    words = cut.rpartition(" ")[0]
    return f"{(words if len(words) > limit // 2 else cut[:-1]).rstrip(' ,;')}{ELLIPSIS}"


def named(name: str | None, key: str) -> str:
    """The display name as it may be shown, or the key where there is none to see."""
    return shown(name if name and name.strip() else key)


def chart_label(name: str | None, key: str, ems: float) -> str:
    """A name for a chart: at most `ems` wide, and the key in place of a name in a script that must be shaped or runs right to left.

    Text in SVG is set letter by letter, from left to right, when it becomes PDF; tables set every script as it should be.
    """
    text = named(name, key)
    if _needs_shaping(text):
        text = shown(key)
    limit = len(text)
    while limit > 3 and width_in_ems(shortened(text, limit)) > ems:
        limit -= 1
    return shortened(text, limit)


def _needs_shaping(text: str) -> bool:
    return any(unicodedata.bidirectional(sign) in ("R", "AL", "AN") or unicodedata.category(sign) in ("Mn", "Mc") for sign in text)


_LEAST_NAME = 4.0
"""Ems below which a shortened name tells nothing."""


def identified_label(name: str | None, key: str, ems: float) -> str:
    """The key for a chart and, as far as there is room and it can be set, the name after it."""
    label = chart_label(None, key, ems)
    room = ems - width_in_ems(label + "  ")
    if not name or not name.strip() or name == key or _needs_shaping(shown(name)) or room < _LEAST_NAME:
        return label
    return f"{label}  {chart_label(name, key, room)}"


def width_in_ems(text: str) -> float:
    """About how wide a text in the shipped font is; rather more than less."""
    return sum(map(_ems, text))


def _ems(sign: str) -> float:
    if unicodedata.east_asian_width(sign) in ("W", "F"):
        return 1.1
    if sign in "MWmw@%" + ELLIPSIS:
        return 0.9
    if sign in " .,:;'|!()[]{}/\\ijltfr-":
        return 0.38
    return 0.72 if sign.isupper() else 0.62


def significant(value: float | None, digits: int = 4, most_decimals: int = 9) -> str:
    """A number whose unit is told elsewhere, at up to `digits` significant digits and without trailing zeros; with an exponent when very small.

    >>> significant(0.0012345), significant(123456.0), significant(2.50), significant(5.2461e-6, most_decimals=7)
    ('0.001235', '123,456', '2.5', '5.246e−06')
    """
    if value is None or _absent(value) or math.isinf(value) or value == 0:
        return number(value)
    exact = Decimal(repr(float(value)))
    decimals = max(0, digits - 1 - exact.adjusted())
    if decimals > most_decimals:  # beyond that a plain number hides its size behind zeros
        return f"{float(value):.{digits - 1}e}".replace("-", MINUS)
    text = _signed(_rounded(exact, decimals), decimals)
    return text.rstrip("0").rstrip(".") if "." in text else text
