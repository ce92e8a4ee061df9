"""What pages are made of, as values: tables and figures, already worded and rounded, and the raw amounts that charts are drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["text", "number", "status"]
Tone = Literal["", "zero", "negative", "ok", "call", "liquidation", "default", "pass", "warn", "fail"]


@dataclass(frozen=True)
class Column:
    """A column of a printed table: `unit` stands in the header, `width` is its share in percent, `group` a heading over neighbours."""

    label: str
    kind: Kind
    width: float
    unit: str = ""
    group: str = ""


@dataclass(frozen=True)
class Cell:
    """One cell: `text` is shown, `order` is what sorting compares, `full` the unshortened text, `below` a second, smaller line.

    `on_screen` is a third line, which paper has no room for.
    """

    text: str
    order: float | str
    tone: Tone = ""
    full: str = ""
    below: str = ""
    on_screen: str = ""


@dataclass(frozen=True)
class Row:
    """A row; one that is not `printed` is on screen only, so that the PDF stays short; a `fixed` one stays on top when sorting."""

    cells: tuple[Cell, ...]
    printed: bool = True
    fixed: bool = False


@dataclass(frozen=True)
class TableView:
    """A table: when it has no rows, `empty` says what was checked; `notes` say what it leaves out."""

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Figure:
    """A headline figure: what, how much, of what unit, and the fact that explains it."""

    label: str
    value: str
    unit: str
    note: str
    tone: Tone = ""


@dataclass(frozen=True)
class Definition:
    """A measure, its formula in words, and what it is for."""

    term: str
    formula: str
    meaning: str


@dataclass(frozen=True)
class Light:
    """The status light with the rule that sets it, the reasons that set it here, and the sentence and detail that answer first."""

    colour: Literal["red", "amber", "green"]
    sentence: str
    detail: str
    rule: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Fact:
    """A label and what is to be said under it."""

    label: str
    text: str


# ---------------------------------------------------------------- charts: raw amounts in reporting currency, names as they are drawn


@dataclass(frozen=True)
class Pair:
    """Two amounts of one name, of which the narrow one counts and the wide one is what it is seen against."""

    name: str
    narrow: float
    wide: float


@dataclass(frozen=True)
class PairedBars:
    """Pairs in order; `narrow` and `wide` head their columns of figures, `limit` is drawn as a line where there is one. `whole`: counts, no money."""

    pairs: tuple[Pair, ...]
    narrow: str
    wide: str
    limit: float | None = None
    limit_name: str = ""
    whole: bool = False


@dataclass(frozen=True)
class Stack:
    """Counts of one name, mild to worst."""

    name: str
    counts: tuple[int, ...]


@dataclass(frozen=True)
class StackedBars:
    """Stacks in order; `kinds` head their columns of figures."""

    stacks: tuple[Stack, ...]
    kinds: tuple[str, ...]


@dataclass(frozen=True)
class Utilisation:
    """How much of a limit is used, 1 = at its red threshold; `amber` is where that threshold is on the same scale, `word` and `tone` its status."""

    name: str
    used: float
    amber: float | None
    word: str
    tone: Tone


@dataclass(frozen=True)
class Step:
    """A step of a waterfall: a change of that amount, or a `total` reached."""

    label: str
    amount: float
    total: bool = False


@dataclass(frozen=True)
class HeatMap:
    """Margin balance over maintenance margin, accounts by scenarios: 1 = where liquidation starts, None where nothing is required.

    Where a pool falls short: 1 - margin shortfall / maintenance margin, since the surplus of another pool does not cover it.
    """

    accounts: tuple[str, ...]
    scenarios: tuple[str, ...]
    ratios: tuple[tuple[float | None, ...], ...]
    in_default: tuple[tuple[bool, ...], ...]


@dataclass(frozen=True)
class TimeLine:
    """A figure at every moment of a series, None where it is not known; a `limit` is what others are held against."""

    name: str
    values: tuple[float | None, ...]
    limit: bool = False


@dataclass(frozen=True)
class OverTime:
    """Lines over the same moments: `days` before the newest (0 = the newest, others below zero) with their `dates`; amounts in reporting currency,
    or else counts. `peak`: the moment whose peak of the first line is marked; `windows`: days before the newest that are marked."""

    days: tuple[float, ...]
    dates: tuple[str, ...]
    lines: tuple[TimeLine, ...]
    amounts: bool
    peak: int | None
    windows: tuple[int, ...]


@dataclass(frozen=True)
class PriceLine:
    """A price after every round, the shocked one first, as a share of it."""

    name: str
    values: tuple[float, ...]


@dataclass(frozen=True)
class PricePath:
    """Prices over the same rounds."""

    lines: tuple[PriceLine, ...]


@dataclass(frozen=True)
class Matrix:
    """Amounts by row and column in reporting currency, none below zero."""

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    amounts: tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Bucket:
    """Amounts from `lower` to below `upper`: how probable they are, and how much of that is of the worst part."""

    lower: float
    upper: float
    probability: float
    worst: float


@dataclass(frozen=True)
class Mark:
    """An amount at which a line is drawn; `worst`: it is of the worst part."""

    name: str
    amount: float
    worst: bool


@dataclass(frozen=True)
class Histogram:
    """Buckets side by side, ascending, and marks, ascending."""

    buckets: tuple[Bucket, ...]
    marks: tuple[Mark, ...]


@dataclass(frozen=True)
class Charts:
    """The charts by scenario, without bars where no scenario counts, and the heat map; `scope` says which scenarios they show."""

    scope: str
    cover_scope: str
    cover: PairedBars
    requirement: PairedBars
    shortfall: PairedBars
    loss: PairedBars
    status: StackedBars
    heat_map: HeatMap | None
    heat_scope: str
