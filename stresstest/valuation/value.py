"""The driver of a run: every instrument in every scenario, each valued once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.checks import refuse_currencies, refuse_values
from stresstest.valuation.implied import EXPIRED, FOUND
from stresstest.valuation.marks import inverse_unit_notional, marked, unit_cost, unit_notional
from stresstest.valuation.states import block, value_options
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.unit_values import Counts, UnitValues

Floats = npt.NDArray[np.float64]

CELLS = 1 << 16
"""Cells (instrument, scenario) valued at once, whole instruments: what is held besides the result is some 20 MB."""

TABLES = ("mark", "value_slope", "cost_slope", "notional", "forward")


def value_instruments(dimensions: Dimensions, resolved: Resolved) -> UnitValues:
    """What one contract of every instrument is worth in every scenario: docs/methodology.md section 3.

    The base scenario has the marks of the snapshot, bit for bit. The bytes do not depend on the number of threads.

    Raises:
        StressTestError: a state in which a quote asset or the mark of an inverse contract is worth nothing or less, or a value leaves
            the range of numbers.
    """
    refuse_currencies(dimensions, resolved)
    terms = instrument_terms(dimensions, resolved)
    tables = {name: np.zeros((terms.height, resolved.scenarios)) for name in TABLES}
    # What divides by zero or overflows is refused below, with the names of all instruments and scenarios.
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _value_others(terms, resolved, tables)
    clamped_vols, clamped_prices = _value_options(terms, resolved, tables)
    refuse_values(dimensions.instruments, resolved, mark=tables["mark"], value_slope=tables["value_slope"], forward=tables["forward"])
    return UnitValues(
        **tables,
        base_vol=terms["base_vol"].fill_null(np.nan).to_numpy(),
        treatment=tuple(map(_treatment, terms["outcome"])),
        clamped_vols=clamped_vols,
        clamped_prices=clamped_prices,
        terms=terms,
    )


def revalue_instruments(known: UnitValues, dimensions: Dimensions, resolved: Resolved, codes: npt.NDArray[np.integer]) -> UnitValues:
    """As `value_instruments` in other scenarios, for some instruments alone: all others keep what they are worth at base.

    Args:
        known: values whose terms are taken, so that no vol is implied again.
        dimensions: of the book.
        resolved: the scenarios, base first.
        codes: the instruments that any of them moves.

    Raises:
        StressTestError: as `value_instruments`.
    """
    tables = {name: np.repeat(getattr(known, name)[:, :1], resolved.scenarios, axis=1) for name in TABLES}
    return _revalued(known, dimensions, resolved, codes, tables)


def value_moved(known: UnitValues, dimensions: Dimensions, resolved: Resolved, codes: npt.NDArray[np.integer]) -> UnitValues:
    """As `revalue_instruments`, for the scenarios of `known` at other prices: all others keep what they are worth in their scenario.

    Args:
        known: values in the same scenarios before they moved.
        dimensions: of the book.
        resolved: the scenarios as they are now, base first.
        codes: the instruments that have moved in any of them.

    Raises:
        StressTestError: as `value_instruments`.
    """
    return _revalued(known, dimensions, resolved, codes, {name: getattr(known, name).copy() for name in TABLES})


def _revalued(known: UnitValues, dimensions: Dimensions, resolved: Resolved, codes: npt.NDArray[np.integer], tables: dict[str, Any]) -> UnitValues:
    """What `tables` say, and some instruments anew."""
    assert known.terms is not None
    refuse_currencies(dimensions, resolved)
    terms = known.terms[codes]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        _value_others(terms, resolved, tables)
    clamped_vols, clamped_prices = _value_options(terms, resolved, tables)
    refuse_values(dimensions.instruments, resolved, mark=tables["mark"], value_slope=tables["value_slope"], forward=tables["forward"])
    return replace(known, **tables, clamped_vols=clamped_vols, clamped_prices=clamped_prices)


def _treatment(outcome: str | None) -> str:
    return {None: "mark", FOUND: "implied", EXPIRED: "intrinsic"}.get(outcome, "constant offset")


def _value_options(terms: pl.DataFrame, resolved: Resolved, tables: dict[str, Floats]) -> tuple[Counts, int]:
    """Fills the rows of options; returns how many vols of each scenario, and how many prices of all, were clamped."""
    clamped_vols, clamped_prices = np.zeros(resolved.scenarios, dtype=np.int64), 0
    for (normal, american), options in terms.filter("option").group_by("normal", "american", maintain_order=True):
        for rows in _chunks(options.height, CELLS // resolved.scenarios):
            codes = options["instrument"][rows].to_numpy()
            frame = value_options(block(options[rows], resolved), normal=bool(normal), american=bool(american))
            for name, table in tables.items():
                table[codes] = frame[name].to_numpy().reshape(len(codes), resolved.scenarios)
            clamped_vols += frame["vol_clamped"].to_numpy().reshape(len(codes), resolved.scenarios).sum(axis=0)
            clamped_prices += int(frame["price_clamped"].sum())
    return clamped_vols, clamped_prices


def _value_others(terms: pl.DataFrame, resolved: Resolved, tables: dict[str, Floats]) -> None:
    """Fills the rows of everything that is no option, in runs of instruments of one kind of arithmetic."""
    for (additive, inverse), group in terms.filter(~pl.col("option")).group_by("additive", "inverse", maintain_order=True):
        for rows in _chunks(group.height, CELLS // resolved.scenarios):
            part = group[rows]
            codes = part["instrument"].to_numpy()
            underlying, quote, money = (resolved.value[part[f"{role}_code"].to_numpy()] for role in ("underlying", "quote", "money"))
            mark_price, size, cost_sign, base_ratio = (
                part[name].to_numpy()[:, None] for name in ("mark_price", "contract_size", "cost_sign", "base_ratio")
            )
            mark, slope = marked(
                mark_price, size, base_ratio, underlying, quote, money, resolved.basis[codes], additive=bool(additive), inverse=bool(inverse)
            )
            tables["mark"][codes] = mark
            tables["value_slope"][codes] = slope
            tables["cost_slope"][codes] = unit_cost(cost_sign, size, money)
            tables["notional"][codes] = inverse_unit_notional(size, quote) if inverse else unit_notional(slope)


def _chunks(length: int, size: int) -> Iterator[slice]:
    """Consecutive slices of at most `size` (at least 1) that cover `length`."""
    step = max(size, 1)
    return (slice(start, min(start + step, length)) for start in range(0, length, step))
