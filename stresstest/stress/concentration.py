"""How few owners hold an underlying, and how long it takes to close what they hold."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Dimensions
from stresstest.stress.exposures import LONG, LONG_DERIVATIVES, SHORT, SHORT_DERIVATIVES, SIDES, Exposures, Holdings
from stresstest.tables import CONCENTRATION, CONCENTRATION_OWNERS, TOP_OWNERS

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]
Places = npt.NDArray[np.intp]


class Concentration(NamedTuple):
    """The tables of those names."""

    concentration: pl.DataFrame
    concentration_owners: pl.DataFrame


def daily_capacity(dimensions: Dimensions, volume_share: float) -> Floats:
    """Notional of each asset that can be closed in a day, `volume_share * daily_volume`, reporting currency; 0 where no volume is known."""
    return np.asarray(dimensions.assets["daily_volume"].fill_null(0.0).to_numpy() * volume_share)


def concentration(dimensions: Dimensions, found: Exposures, notional: Floats, capacity: Floats, top: int) -> Concentration:
    """The tables `concentration` and `concentration_owners`.

    Args:
        dimensions: of the book.
        found: what owners hold.
        notional: f64[instruments] of one contract at base, reporting currency.
        capacity: `daily_capacity`.
        top: owners listed of each underlying.
    """
    by = _ByUnderlying(found.owners)
    sides: Floats = np.stack([np.bincount(by.place, weights=by.held.sides[side], minlength=len(by.underlying)) for side in range(SIDES)])
    return Concentration(
        _underlyings(dimensions, found, by, sides, notional, capacity), _owners(dimensions, by, sides[LONG] + sides[SHORT], capacity, top)
    )


class _ByUnderlying:
    """Owners' holdings by underlying, owners in order: `held`, the place of each row among the `underlying`s, and where their rows `start`."""

    def __init__(self, owners: Holdings) -> None:
        counts = np.bincount(owners.underlying)
        # Sorted by digits where the codes are narrow enough: many times as fast.
        codes = owners.underlying.astype(np.uint16) if len(counts) <= 1 << 16 else owners.underlying
        order = np.argsort(codes, kind="stable")
        self.held = Holdings(owners.holder[order], owners.underlying[order], owners.sides[:, order], owners.members[order])
        self.underlying = np.flatnonzero(counts)
        self.start: Places = np.concatenate([[0], np.cumsum(counts[self.underlying])])
        self.place = np.repeat(np.arange(len(self.underlying)), counts[self.underlying])

    def largest(self, amounts: Floats, number: int) -> list[Places]:
        """Per underlying the rows of the `number` largest amounts, largest first; of equal ones the owner that comes first."""
        found = []
        for first, last in zip(self.start[:-1], self.start[1:], strict=True):
            here = amounts[first:last]
            # Only what is among the largest is sorted: an underlying may have many thousands of owners.
            least = np.partition(here, len(here) - number)[len(here) - number] if len(here) > number else -np.inf
            candidates = np.flatnonzero(here >= least)
            found.append(first + candidates[np.argsort(-here[candidates], kind="stable")[:number]])
        return found


def _over(part: Floats, whole: Floats) -> Floats:
    """part / whole, NaN where the whole is zero."""
    ratio: Floats = np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0.0)
    return ratio


def _herfindahl(by: _ByUnderlying, amounts: Floats, total: Floats) -> Floats:
    """Sum of squared owners' shares in `amounts` of each underlying; NaN where its total is zero."""
    share = amounts / np.where(total > 0.0, total, 1.0)[by.place]
    return np.where(total > 0.0, np.bincount(by.place, weights=share * share, minlength=len(total)), np.nan)


def _tops(by: _ByUnderlying, amounts: Floats, total: Floats) -> dict[int, Floats]:
    """Shares of the largest owners in `amounts` of each underlying; NaN where its total is zero."""
    sums = [np.cumsum(amounts[rows]) for rows in by.largest(amounts, max(TOP_OWNERS))]
    # The largest owners may be all there are: their sum, taken in another order than the total, must not exceed it.
    return {n: np.minimum(_over(np.array([each[min(n, len(each)) - 1] for each in sums]), total), 1.0) for n in TOP_OWNERS}


def _underlyings(dimensions: Dimensions, found: Exposures, by: _ByUnderlying, sides: Floats, notional: Floats, capacity: Floats) -> pl.DataFrame:
    held, code, count = by.held, by.underlying, len(by.underlying)
    gross = sides[LONG] + sides[SHORT]
    tops = _tops(by, held.gross, gross)
    derivatives = [_tops(by, held.sides[side], sides[side]) for side in (LONG_DERIVATIVES, SHORT_DERIVATIVES)]
    largest = np.array([rows[0] for rows in by.largest(np.abs(held.net), 1)], dtype=np.intp)
    net = held.net[largest]
    there = net != 0.0
    room = capacity[code]
    # One sum after the other, as the order of a frame's own is not told.
    book = float(sum(gross.tolist()))
    frame: pl.DataFrame = pl.DataFrame(
        {
            "underlying": dimensions.assets["asset"][code.astype(np.uint32)],
            "asset_class": dimensions.assets["asset_class"][code.astype(np.uint32)],
            "positions": found.positions[code],
            "accounts": np.bincount(by.place, weights=held.members, minlength=count).astype(np.int64),
            "owners": np.bincount(by.place, minlength=count),
            **_notionals(sides),
            "gross_share": _over(gross, np.full(count, book)),
            "open_interest": sides[LONG_DERIVATIVES],
            "venue_open_interest": _venue(dimensions, notional)[code],
            "herfindahl": _herfindahl(by, held.gross, gross),
            "herfindahl_long": _herfindahl(by, held.sides[LONG], sides[LONG]),
            "herfindahl_short": _herfindahl(by, held.sides[SHORT], sides[SHORT]),
            **{f"top_{n}_share": tops[n] for n in TOP_OWNERS},
            **{f"top_{n}_open_interest_share": np.fmax(derivatives[0][n], derivatives[1][n]) for n in TOP_OWNERS},
            "largest_net_owner_id": dimensions.owners["owner_id"][held.holder[largest].astype(np.uint32)],
            "largest_net_notional": np.where(there, net, np.nan),
            "daily_volume": np.where(room > 0.0, dimensions.assets["daily_volume"].fill_null(0.0).to_numpy()[code], np.nan),
            "days_to_liquidate_largest_owner": _over(np.abs(net), room),
            "days_to_liquidate_gross": _over(gross, room),
        }
    ).with_columns(pl.when(pl.Series(there)).then("largest_net_owner_id").alias("largest_net_owner_id"))
    return frame.fill_nan(None).select(CONCENTRATION.names)


def _notionals(sides: Floats) -> dict[str, Floats]:
    long, short = sides[LONG], sides[SHORT]
    return {"long_notional": long, "short_notional": short, "net_notional": long - short, "gross_notional": long + short}


def _venue(dimensions: Dimensions, notional: Floats) -> Floats:
    """Notional of the open interest that derivatives of each asset state; NaN where none does."""
    instruments = dimensions.instruments
    stated = ((instruments["kind"] != "spot") & instruments["open_interest"].is_not_null()).to_numpy()
    underlying = instruments["underlying_code"].to_numpy()[stated]
    amount = instruments["open_interest"].fill_null(0.0).to_numpy()[stated] * notional[stated]
    assets = dimensions.assets.height
    return np.where(np.bincount(underlying, minlength=assets) > 0, np.bincount(underlying, weights=amount, minlength=assets), np.nan)


def _owners(dimensions: Dimensions, by: _ByUnderlying, total: Floats, capacity: Floats, top: int) -> pl.DataFrame:
    chosen = by.largest(by.held.gross, top)
    rows = np.concatenate([*chosen, np.zeros(0, dtype=np.intp)])
    held, place = by.held, by.place[rows]
    owners = dimensions.owners.select("owner_id", "name")[held.holder[rows].astype(np.uint32)]
    gross = held.gross[rows]
    frame: pl.DataFrame = owners.with_columns(
        dimensions.assets["asset"][held.underlying[rows].astype(np.uint32)].alias("underlying"),
        pl.Series("rank", np.concatenate([*(np.arange(1, len(each) + 1) for each in chosen), np.zeros(0, dtype=np.intp)])),
        pl.Series("accounts", held.members[rows]),
        *(pl.Series(name, amounts) for name, amounts in _notionals(held.sides[:, rows]).items()),
        pl.Series("share", _over(gross, total[place])),
        pl.Series("days_to_liquidate", _over(np.abs(held.net[rows]), capacity[held.underlying[rows]])),
    )
    return frame.fill_nan(None).select(CONCENTRATION_OWNERS.names)
