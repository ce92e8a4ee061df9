"""Figures that stand in a first margin and scenario file until somebody sets them: severe, the same for every venue, and marked."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import astuple, dataclass

from stresstest.snapshot.survey import Survey

MARK = "set this"
"""The comment beside every figure that is a guess."""

STABLECOIN = "stablecoin"
"""Class and tag by which the sample and the scenario rules know a stablecoin."""


@dataclass(frozen=True)
class Placeholder:
    """Guesses for one class of assets, as decimals; pairs are maintenance and initial.

    Haircuts and rates are above those of usual rulebooks, so that an account that passes with them is likely to pass with the venue's own;
    moves are about the worst day of the class. `short`, `short_minimum`: shares of the underlying for a short option. `vol`: relative move.
    """

    haircut: tuple[float, float]
    liability: tuple[float, float]
    rate: tuple[float, float]
    short: tuple[float, float]
    short_minimum: tuple[float, float]
    down: float
    up: float
    vol: float


_CURRENCY = Placeholder((0.08, 0.10), (1.08, 1.10), (0.05, 0.06), (0.10, 0.15), (0.05, 0.10), -0.10, 0.10, 0.50)
_OTHER = Placeholder((0.50, 0.60), (1.30, 1.50), (0.25, 0.35), (0.30, 0.40), (0.20, 0.30), -0.40, 0.40, 0.80)
_OF_CLASS = {
    "cash": _CURRENCY,
    "fx": _CURRENCY,
    "rates": Placeholder((0.06, 0.08), (1.06, 1.08), (0.05, 0.06), (0.10, 0.15), (0.05, 0.10), -0.05, 0.05, 0.50),
    # USDC traded at 0.8774 on 2023-03-11.
    STABLECOIN: Placeholder((0.10, 0.15), (1.05, 1.10), (0.10, 0.20), (0.20, 0.30), (0.10, 0.20), -0.12, 0.05, 0.80),
    "equity": Placeholder((0.25, 0.30), (1.10, 1.15), (0.15, 0.20), (0.20, 0.25), (0.10, 0.15), -0.20, 0.12, 1.00),
    "commodity": Placeholder((0.25, 0.30), (1.15, 1.20), (0.15, 0.20), (0.20, 0.25), (0.10, 0.15), -0.30, 0.30, 0.80),
    "crypto": Placeholder((0.30, 0.40), (1.20, 1.30), (0.10, 0.20), (0.20, 0.30), (0.10, 0.20), -0.50, 0.40, 0.80),
}
_NOTHING = Placeholder((0.0, 0.0), (1.0, 1.0), *astuple(_OTHER)[2:])
"""The reporting currency as collateral: what everything is stated in."""


@dataclass(frozen=True)
class Kinds:
    """What kind of asset each asset of a snapshot is, for guessing: its class, `stablecoin`, or empty where the snapshot does not say.

    `suspected`: assets that are taken for stablecoins although neither class nor tag says so, because derivatives are quoted or settled in
    them and their price is within 3 % of one.
    """

    of: dict[str, str]
    suspected: tuple[str, ...]
    reporting_currency: str

    def worst(self, assets: Iterable[str]) -> Placeholder:
        """The most severe guess of each figure over the assets; that of unknown ones where there are none."""
        found = [_NOTHING if asset == self.reporting_currency else _OF_CLASS.get(self.of.get(asset, ""), _OTHER) for asset in assets] or [_OTHER]

        def most(name: str) -> tuple[float, float]:
            pairs = [getattr(each, name) for each in found]
            return max(maintenance for maintenance, _ in pairs), max(initial for _, initial in pairs)

        return Placeholder(
            most("haircut"), most("liability"), most("rate"), most("short"), most("short_minimum"),
            min(each.down for each in found), max(each.up for each in found), max(each.vol for each in found),
        )  # fmt: skip

    def priced_in(self, currency: str | None) -> str:
        """The kind of an asset's price currency; null is the reporting currency, which is cash."""
        return "cash" if currency in (None, self.reporting_currency) else self.of.get(currency, "cash")

    def guess(self, asset_class: str) -> Placeholder:
        """The guess for a class, or for `stablecoin`."""
        return _OF_CLASS.get(asset_class, _OTHER)


def kinds(found: Survey, reporting_currency: str) -> Kinds:
    """The kinds of all assets of a snapshot."""
    of: dict[str, str] = {}
    suspected = []
    for row in found.assets.iter_rows(named=True):
        kind = row["asset_class"] or ""
        if STABLECOIN in (kind, *row["tags"]):
            kind = STABLECOIN
        elif kind not in ("cash", "fx") and row["settles"] and row["price_currency"] in (None, reporting_currency) and abs(row["price"] - 1) <= 0.03:
            kind = STABLECOIN
            suspected.append(row["asset"])
        of[row["asset"]] = kind
    return Kinds(of, tuple(suspected), reporting_currency)
