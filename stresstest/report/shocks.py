"""The shocks of a scenario in words, the largest first."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from stresstest.report.formats import number, percent, shown, significant

NAMED_SHOCKS = 5
"""How many shocks of a scenario are named; the others are counted."""

_SEVERE: dict[tuple[str, str], float] = {
    ("spot", "relative"): 0.30,
    ("spot", "scale"): 0.30,
    ("vol", "relative"): 1.00,
    ("vol", "scale"): 1.00,
    ("vol", "absolute"): 0.30,
    ("rate", "absolute"): 0.02,
    ("basis", "absolute"): 0.05,
    ("collateral", "relative"): 0.30,
    ("collateral", "scale"): 0.30,
    ("collateral", "replace"): 0.30,
    ("haircut", "absolute"): 0.20,
    ("margin_rate", "scale"): 0.50,
}
"""What counts as one severe move, so that shocks of different kinds can be put in one order: a third off a price stands beside a vol that
doubles, 200 basis points, or half as much margin again. Where a pair is missing, a whole unit is. It orders words, and no figure."""

_WHERE = ("asset", "asset_class", "tags", "risk_group", "kind", "option_type")
NAMED_WORDS = 2
"""How many words of one filter are all named; of more the first is, and the others are counted."""
_RATIOS = ("vol", "collateral", "haircut", "holding")


def shock_words(folder: Path, scenario_ids: Sequence[str]) -> dict[str, str]:
    """For each of these scenarios of a run its largest shocks in one line; scenarios without a shock are left out.

    Shocks that match nothing in the book are not named and not counted: they move nothing.
    """
    wanted = ["scenario_id", "factor", "where", "shift", "value", "share", "annualised"]
    nothing = folder / "inputs" / "unmatched_shocks.parquet"
    columns = [*wanted, "ord"] if nothing.is_file() else wanted
    kept = pl.scan_parquet(folder / "inputs" / "scenarios.parquet")
    # Sets of earlier versions know no shares.
    known = kept if "share" in kept.collect_schema() else kept.with_columns(share=pl.lit(None, pl.Float64))
    frame = known.select(columns).with_columns(pl.col("scenario_id", "factor", "shift").cast(pl.String)).collect()
    if nothing.is_file():
        frame = frame.join(pl.read_parquet(nothing), on=["scenario_id", "ord"], how="anti", maintain_order="left")
    shocks = frame.filter(pl.col("scenario_id").is_in(list(scenario_ids)) & pl.col("factor").is_not_null())
    # A generated set may have hundreds of shocks a scenario: all but the largest are counted before any is put into words.
    largest = shocks.sort(strength(), descending=True, maintain_order=True)
    counts = dict(shocks.group_by("scenario_id").len().iter_rows())
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in largest.group_by("scenario_id", maintain_order=True).head(3 * NAMED_SHOCKS).iter_rows(named=True):
        found.setdefault(row["scenario_id"], []).append(row)
    return {scenario: largest_shocks(rows, counts[scenario]) for scenario, rows in found.items()}


def scenario_sources(folder: Path, scenario_ids: Sequence[str]) -> dict[str, str]:
    """For each of these scenarios of a run where its figures are from and of which dates, as its file states it; without one it is left out."""
    rows = pl.scan_parquet(folder / "inputs" / "scenarios.parquet").select(pl.col("scenario_id", "source").cast(pl.String))
    stated = rows.filter(pl.col("scenario_id").is_in(list(scenario_ids)) & pl.col("source").is_not_null())
    return dict(stated.unique("scenario_id", maintain_order=True).collect().iter_rows())


def largest_shocks(shocks: Sequence[Mapping[str, Any]], of: int, named: int = NAMED_SHOCKS) -> str:
    """The first shocks of a scenario that has `of`, and how many more there are; what reads the same is said once.

    >>> largest_shocks([{"factor": "spot:BTC", "where": None, "shift": "relative", "value": -0.3717, "annualised": False}], 9)
    'BTC −37.2\\xa0% · 8 more'
    """
    words: dict[str, int] = {}
    for shock in shocks:
        text = shock_text(shock)
        words[text] = words.get(text, 0) + 1
    first = list(words)[:named]
    rest = of - sum(words[text] for text in first)
    return " · ".join([*first, *([f"{rest} more"] if rest > 0 else [])])


def strength() -> pl.Expr:
    """The size of a shock in severe moves of its kind; a level that a price is set to counts as one, since its base is not at hand."""
    kind, shift, value = pl.col("factor").str.extract("^([a-z_]+):", 1), pl.col("shift"), pl.col("value")
    moved = pl.when(shift.is_in(["relative", "absolute"])).then(value.abs()).otherwise((value - 1.0).abs())
    severe = pl.lit(1.0)
    for (of_kind, of_shift), size in _SEVERE.items():
        severe = pl.when((kind == of_kind) & (shift == of_shift)).then(size).otherwise(severe)
    set_to = (shift == "replace") & ~kind.is_in(["holding", "collateral"])
    return pl.when(set_to).then(1.0).otherwise(moved / severe)


def shock_text(shock: Mapping[str, Any]) -> str:
    """One shock: what it moves, by how much. What a filter leaves out is said only where nothing else says what is meant.

    >>> shock_text({"factor": "basis:*", "where": '{"kind": ["perpetual"]}', "shift": "absolute", "value": -0.05, "annualised": False})
    'perpetual basis −5\\xa0%'
    """
    kind, _, name = str(shock["factor"]).partition(":")
    where = json.loads(shock["where"]) if shock["where"] else {}
    way = "" if shock.get("share") is None else f"{_percent(float(shock['share']))} of the way "
    return f"{_subject(kind, name, where)} {way}{_size(kind, shock['shift'], float(shock['value']))}{' a year' if shock['annualised'] else ''}"


def _subject(kind: str, name: str, where: Mapping[str, Any]) -> str:
    chosen = [] if name == "*" else [name]
    chosen += [_either(where[key]) for key in _WHERE if key in where]
    chosen += [f"all but {_either(where[key])}" for key in ("not_tags", "not_asset") if key in where and not chosen]
    chosen += ["that may be negative"] if where.get("may_be_negative") else []
    chosen += [f"{_edge(where['tenor_days'])} days"] if "tenor_days" in where else []
    chosen += [f"ln(K/F) {_edge(where['log_moneyness'])}"] if "log_moneyness" in where else []
    subject = shown(" ".join(chosen)) if chosen else "all"
    place = f" held at {shown(_either(where['location']))}" if "location" in where else " held"
    return {
        "spot": subject if chosen else "all prices",
        "vol": f"{subject} vol",
        "rate": f"{subject} rate",
        "basis": f"{subject} basis",
        "collateral": f"{subject} as collateral",
        "haircut": f"{subject} haircut",
        "holding": (subject if chosen else "all") + place,
        "margin_rate": f"{subject} margin rate",
        "depth": f"{subject} depth",
    }[kind]


def _either(words: Sequence[str]) -> str:
    return " or ".join(words) if len(words) <= NAMED_WORDS else f"{words[0]} and {len(words) - 1} more"


def _edge(ends: Sequence[float | None]) -> str:
    low, high = (None if end is None else significant(float(end)) for end in ends)
    return f"up to {high}" if low is None else f"from {low}" if high is None else f"{low} to {high}"


def _size(kind: str, shift: str, value: float) -> str:
    if shift == "scale":
        return f"\N{MULTIPLICATION SIGN}{significant(value)}"
    if shift == "replace":
        return f"to {_percent(value)}" if kind in _RATIOS or kind in ("rate", "basis") else f"to {significant(value)}"
    sign = "+" if value > 0 else ""
    if shift == "relative" or kind == "basis":
        return f"{sign}{_percent(value)}"
    if kind == "rate":
        return f"{sign}{number(value * 1e4, 0)}\N{NO-BREAK SPACE}bp"
    if kind in _RATIOS:
        return f"{sign}{_trimmed(value * 100)}\N{NO-BREAK SPACE}points"
    return f"{sign}{significant(value)}"


def _percent(value: float) -> str:
    whole = percent(value, 1)
    return whole.replace(".0\N{NO-BREAK SPACE}", "\N{NO-BREAK SPACE}")


def _trimmed(value: float) -> str:
    return number(value, 1).removesuffix(".0")
