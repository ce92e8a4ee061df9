"""Cells of the report's tables: text, names with their ids, amounts in the unit of their table, counts, words of status."""

from __future__ import annotations

from stresstest.report.formats import HALF_A_CENT, Scale, count, number, percent, plural_count, scaled, shortened, shown, significant
from stresstest.report.parts import Cell, Tone

STATUS_WORDS: dict[str, tuple[str, Tone]] = {
    "ok": ("OK", "ok"),
    "call": ("Call", "call"),
    "liquidation": ("Liquidation", "liquidation"),
    "default": ("Default", "default"),
}
_MISSING_LAST = float("-inf")


def text_cell(value: str | None, limit: int = 64, below: str = "") -> Cell:
    """Text from data, shortened; the whole of it is kept for who asks."""
    whole = shown(value)
    text = shortened(whole, limit)
    return Cell(text, whole.casefold(), full=whole if text != whole else "", below=below)


def name_cell(name: str | None, key: str, limit: int = 48) -> Cell:
    """A name with its id below, or the id alone where there is no other name."""
    if not name or not name.strip() or name == key:
        return text_cell(key, limit)
    head, identifier = text_cell(name, limit), text_cell(key, limit)
    return Cell(head.text, head.order, full=" · ".join(part for part in (head.full, identifier.full) if part), below=identifier.text)


def amount_cell(value: float | None, scale: Scale) -> Cell:
    """Money in the unit of its table."""
    order = _MISSING_LAST if value is None else value
    tone: Tone = "zero" if value is not None and abs(value) < HALF_A_CENT else "negative" if value is not None and value < 0 else ""
    return Cell(scaled(value, scale), order, tone)


def count_cell(value: float | None) -> Cell:
    """A whole number."""
    return Cell(count(value), _MISSING_LAST if value is None else value, "zero" if value == 0 else "")


def rank_cell(place: int | None) -> Cell:
    """A rank; None: outside the ranking, and last."""
    return Cell(shown(None), float("inf")) if place is None else Cell(number(place), float(place))


def percent_cell(value: float | None, decimals: int = 0) -> Cell:
    """A ratio in percent, without the sign: it stands in the header."""
    text = percent(value, decimals).removesuffix("\N{NO-BREAK SPACE}%")
    return Cell(text, _MISSING_LAST if value is None else value, "zero" if value == 0 else "negative" if value is not None and value < 0 else "")


def plain_cell(value: float | None, digits: int = 4) -> Cell:
    """A number of a unit told elsewhere."""
    return Cell(significant(value, digits), _MISSING_LAST if value is None else value, "zero" if value == 0 else "")


def price_cell(value: float | None) -> Cell:
    """A price in its own currency, in a narrow column."""
    return Cell(significant(value, most_decimals=7), _MISSING_LAST if value is None else value)


def status_cell(value: str | None) -> Cell:
    """Status of an account: word, sign and colour."""
    if value is None:
        return Cell(shown(None), -1.0)
    word, tone = STATUS_WORDS[value]
    return Cell(word, float(tuple(STATUS_WORDS).index(value)), tone)


def left_out(total: int, listed: int, printed: int, noun: str, table: str, which: str = "worst") -> tuple[str, ...]:
    """What a shortened table leaves out, and where it is found: for the reader on screen and the reader on paper."""
    notes = []
    if total > listed:
        notes.append(f"The {count(listed)} {which} of {plural_count(total, noun)} are listed; all are in the table {table} of the run.")
    if listed > printed:
        notes.append(f"On paper the {count(printed)} {which} are listed, on screen {count(listed)}.")
    return tuple(notes)
