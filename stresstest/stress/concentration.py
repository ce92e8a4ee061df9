"""How few owners hold an underlying, and how long it takes to close what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.snapshot.book import Dimensions
from stresstest.stress.exposures import LONG, LONG_DERIVATIVES, SHORT, SHORT_DERIVATIVES, SIDES, Exposures, Notionals
from stresstest.tables import CONCENTRATION, CONCENTRATION_OWNERS, TOP_OWNERS

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
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
    code = found.owners.underlyings()
    rows, listed = [], []
    for underlying in code.tolist():  # one at a time: all of them together are as large as the book
        held = found.owners.of(underlying)
        rows.append(_row(held, capacity[underlying]))
        listed.append(_listed(held, top))
    return Concentration(_underlyings(dimensions, found, code, rows, notional), _owners(dimensions, listed, capacity))


class _Row(NamedTuple):
    """What is said of an underlying; NaN where there is nothing to divide by. `sides` [SIDES]: sums of all owners. `herfindahl` of gross, long and
    short notional. `top` and `top_open_interest` by number of owners. `largest`: code of the owner with the largest net notional, which is `net`."""

    sides: Floats
    owners: int
    accounts: int
    herfindahl: tuple[float, ...]
    top: dict[int, float]
    top_open_interest: dict[int, float]
    largest: int
    net: float
    days_largest: float
    days_gross: float


def _row(held: Notionals, capacity: float) -> _Row:
    sides, gross, net = _sum(held.sides), held.gross, held.net
    whole = float(sides[LONG] + sides[SHORT])
    derivatives = [_top(held.sides[side], float(sides[side])) for side in (LONG_DERIVATIVES, SHORT_DERIVATIVES)]
    largest = int(largest_first(np.abs(net), 1)[0])
    return _Row(
        sides=sides,
        owners=len(held.holder),
        accounts=int(held.members.sum()),
        herfindahl=(_herfindahl(gross, whole), *(_herfindahl(held.sides[side], float(sides[side])) for side in (LONG, SHORT))),
        top=_top(gross, whole),
        top_open_interest={n: float(np.fmax(derivatives[0][n], derivatives[1][n])) for n in TOP_OWNERS},
        largest=int(held.holder[largest]),
        net=float(net[largest]),
        days_largest=_over(abs(float(net[largest])), capacity),
        days_gross=_over(whole, capacity),
    )


def largest_first(amounts: Floats, number: int) -> Places:
    """The places of the `number` largest amounts, largest first; of equal ones the first."""
    # Only what is among the largest is sorted: an underlying may have many thousands of owners.
    least = np.partition(amounts, len(amounts) - number)[len(amounts) - number] if len(amounts) > number else -np.inf
    candidates = np.flatnonzero(amounts >= least)
    return candidates[np.argsort(-amounts[candidates], kind="stable")[:number]]


def _sum(amounts: Floats) -> Floats:
    """The sums over the last axis, one after the other, unlike numpy's own."""
    return np.asarray(np.cumsum(amounts, axis=-1)[..., -1])


def _over(part: float, whole: float) -> float:
    """part / whole, NaN where the whole is zero."""
    return part / whole if whole > 0.0 else np.nan


def _herfindahl(amounts: Floats, total: float) -> float:
    """Sum of squared owners' shares; NaN where the total is zero."""
    share = amounts / total if total > 0.0 else np.full(1, np.nan)
    return float(_sum(share * share))


def _top(amounts: Floats, total: float) -> dict[int, float]:
    """Shares of the largest owners; NaN where the total is zero."""
    sums = np.cumsum(amounts[largest_first(amounts, max(TOP_OWNERS))])
    # The largest owners may be all there are: their sum, taken in another order than the total, must not exceed it.
    return {n: float(np.minimum(_over(float(sums[min(n, len(sums)) - 1]), total), 1.0)) for n in TOP_OWNERS}


def _underlyings(dimensions: Dimensions, found: Exposures, code: Longs, rows: Sequence[_Row], notional: Floats) -> pl.DataFrame:
    sides = np.array([row.sides for row in rows]).reshape(-1, SIDES).T
    gross = sides[LONG] + sides[SHORT]
    net, days = np.array([row.net for row in rows]), np.array([(row.days_largest, row.days_gross) for row in rows]).reshape(-1, 2)
    there = net != 0.0
    # One sum after the other, as the order of a frame's own is not told.
    book = float(sum(gross.tolist()))
    herfindahl = np.array([row.herfindahl for row in rows]).reshape(-1, 3)
    frame: pl.DataFrame = pl.DataFrame(
        {
            "underlying": dimensions.assets["asset"][code.astype(np.uint32)],
            "asset_class": dimensions.assets["asset_class"][code.astype(np.uint32)],
            "positions": found.positions[code],
            "accounts": [row.accounts for row in rows],
            "owners": [row.owners for row in rows],
            **_notionals(sides),
            "gross_share": [_over(each, book) for each in gross.tolist()],
            # Both sides are the same on a venue; the book of one firm may have one side alone.
            "open_interest": np.maximum(sides[LONG_DERIVATIVES], sides[SHORT_DERIVATIVES]),
            "venue_open_interest": _venue(dimensions, notional)[code],
            **{name: herfindahl[:, place] for place, name in enumerate(("herfindahl", "herfindahl_long", "herfindahl_short"))},
            **{f"top_{n}_share": [row.top[n] for row in rows] for n in TOP_OWNERS},
            **{f"top_{n}_open_interest_share": [row.top_open_interest[n] for row in rows] for n in TOP_OWNERS},
            "largest_net_owner_id": dimensions.owners["owner_id"][np.array([row.largest for row in rows], dtype=np.uint32)],
            "largest_net_notional": np.where(there, net, np.nan),
            "daily_volume": np.where(np.isnan(days[:, 1]), np.nan, dimensions.assets["daily_volume"].fill_null(0.0).to_numpy()[code]),
            "days_to_liquidate_largest_owner": days[:, 0],
            "days_to_liquidate_gross": days[:, 1],
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


class _Listed(NamedTuple):
    """The owners of an underlying that are listed, largest first, and what each has of its gross notional."""

    held: Notionals
    share: Floats


def _listed(held: Notionals, top: int) -> _Listed:
    gross = held.gross
    chosen = largest_first(gross, top)
    part = Notionals(held.holder[chosen], held.underlying[chosen], held.sides[:, chosen], held.members[chosen])
    sums = _sum(held.sides)
    whole = float(sums[LONG] + sums[SHORT])
    return _Listed(part, gross[chosen] / whole if whole > 0.0 else np.full(len(chosen), np.nan))


def _owners(dimensions: Dimensions, listed: Sequence[_Listed], capacity: Floats) -> pl.DataFrame:
    if not listed:
        return pl.DataFrame(schema=dict.fromkeys(CONCENTRATION_OWNERS.names, pl.Null))
    holder, underlying, members = (np.concatenate([getattr(each.held, name) for each in listed]) for name in ("holder", "underlying", "members"))
    sides = np.concatenate([each.held.sides for each in listed], axis=1)
    volume = capacity[underlying]
    days = np.divide(np.abs(sides[LONG] - sides[SHORT]), volume, out=np.full(len(volume), np.nan), where=volume > 0.0)
    frame: pl.DataFrame = dimensions.owners.select("owner_id", "name")[holder.astype(np.uint32)].with_columns(
        dimensions.assets["asset"][underlying.astype(np.uint32)].alias("underlying"),
        pl.Series("rank", np.concatenate([np.arange(1, len(each.share) + 1) for each in listed])),
        pl.Series("accounts", members.astype(np.int64)),
        *(pl.Series(name, amounts) for name, amounts in _notionals(sides).items()),
        pl.Series("share", np.concatenate([each.share for each in listed])),
        pl.Series("days_to_liquidate", days),
    )
    return frame.fill_nan(None).select(CONCENTRATION_OWNERS.names)
