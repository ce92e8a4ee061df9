"""Books whose cascades can be worked out by hand: `references/cascade_reverse.md`, part C3."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from oracle.cascade import Cascade, cascade_of
from oracle.reading import snapshot_of
from stress.small_book import CASH, FLAT, Row, cash, coin, lot, perpetual, scenario

AS_OF = "2026-11-20T16:00:00Z"


@dataclass(frozen=True)
class Book:
    """A book as rows, what is asked of it, and a margin file's sections; schedules `cash` (no haircut) and `flat` (5 %) are always there."""

    tables: dict[str, list[Row]]
    scenarios: list[Row]
    cascade: Row
    margin: Row = field(default_factory=dict)

    @property
    def schedules(self) -> Row:
        """The margin file, as the reference reads it."""
        return {
            "collateral_schedules": {"cash": {"bands": [{"from": 0, "haircut": 0.0}]}, **self.margin.get("collateral_schedules", {})},
            "margin_schedules": {"flat": FLAT, **self.margin.get("margin_schedules", {})},
            "models": {"default": {}, **self.margin.get("models", {})},
        }

    def reference(self, number: int = 0) -> Cascade:
        """What the naive calculation finds in one of the scenarios."""
        return cascade_of(snapshot_of(self.tables, AS_OF, "USD"), self.schedules, self.cascade, self.scenarios[number])


def linear(slope: float, *assets: str) -> Row:
    """Linear impact of so many price units by unit sold; none of zero."""
    if slope == 0.0:
        return {"impact": {"kind": "none"}}
    return {"impact": {"kind": "linear", "slope": dict.fromkeys(assets or ("A",), slope)}}


def book(lots: list[Row], deposits: list[Row], scenarios: list[Row], cascade: Row, **more: list[Row]) -> Book:
    """Lots on perpetuals `A` and `B` of assets of the same names, all at 100 dollars."""
    tables = {
        "assets": [CASH, coin("A"), coin("B"), *more.pop("assets", [])],
        "instruments": [perpetual("PA", "A"), perpetual("PB", "B"), *more.pop("instruments", [])],
        "positions": lots,
        "collateral": deposits,
        **more,
    }
    return Book({name: rows for name, rows in tables.items() if rows}, scenarios, cascade)


def four_longs(slope: float, shorts: bool = False) -> Book:
    """T7: four longs of 100 units and less and less margin, in a fall of 6 %; with `shorts` (T9) as many units are sold short."""
    money = {"A1": 1_000.0, "A2": 1_500.0, "A3": 2_000.0, "A4": 4_000.0}
    lots, deposits = [lot(name, "PA", 100.0) for name in money], [cash(name, amount) for name, amount in money.items()]
    if shorts:
        lots += [lot("S1", "PA", -150.0), lot("S2", "PA", -250.0)]
        deposits += [cash("S1", 5_000.0), cash("S2", 8_000.0)]
    return book(lots, deposits, [scenario("fall", {"A": -0.06})], linear(slope))


def ladder(step: float, at_equality: bool = False, scale: float = 10_000.0) -> Book:
    """T10: liquidation prices evenly from 100 down to 89, ten units (times `scale`) on every dollar, in a fall of 5 %.

    A long of q units at 100 with margin c is liquidated below (100 - c / q) / 0.95; `at_equality`: already there.
    """
    units = 10.0 * scale * step
    prices = {f"L{number:05d}": 100.0 - number * step for number in range(1, round(11.0 / step) + 1)}
    lots = [lot(name, "PA", units) for name in prices]
    deposits = [cash(name, units * (100.0 - 0.95 * price)) for name, price in prices.items()]
    found = book(lots, deposits, [scenario("fall", {"A": -0.05})], linear(0.05 / scale))
    return replace(found, margin={"models": {"default": {"breach_at_equality": at_equality}}})


LADDERS = [
    (0.1, False, 7, 90.10), (0.1, True, 7, 90.05), (0.01, False, 10, 90.01), (0.01, True, 10, 90.005), (0.001, True, 14, 90.0005),
]  # fmt: skip
"""Step, whether equality breaches, rounds, and the price in the end.

The continuum falls to 90. With a step h, n accounts have taken the price to 95 - h*n/2, and the next fails above 100 - h*(n+1): the last price is
90 + h where equality is safe, 90 + h/2 where it is not; rounds are those of exact fractions. (The source has 90.10, 90.005 and 90.0005 in 7, 11 and
15 rounds: in many of them the next account is exactly at its threshold, and floating point decides.)
"""


def two_assets(isolated: bool = False) -> Book:
    """T11: X holds both assets and fails on A alone; Y, who only has B, is dragged in. `isolated`: X has a margin for each."""
    terms = {"isolated_margin": 1_500.0} if isolated else {}
    lots = [lot("X", "PA", 100.0, **terms), lot("X", "PB", 100.0, **terms), lot("Y", "PB", 100.0), lot("Z", "PB", -50.0)]
    deposits = [*([] if isolated else [cash("X", 3_000.0)]), cash("Y", 700.0), cash("Z", 1_000.0)]
    return book(lots, deposits, [scenario("a_falls", {"A": -0.22})], linear(0.04, "A", "B"))
