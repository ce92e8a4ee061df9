"""What market makers hold: the other side of their clients, trades among themselves, and a hedge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from venue.listings import Listing
from venue.members import Members
from venue.underlyings import UNDERLYINGS, Floats

Integers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

_CROWD = {"BTC": 26, "ETH": 22, "SPX": 16, "SOL": 14, "NDX": 10, "SX5E": 10}
"""Makers that quote an underlying; seven where it is not named."""
_LEAST = 5
"""Makers that hold an instrument at least."""


@dataclass(frozen=True)
class Quoting:
    """Who quotes what: the makers of an underlying, its instruments, the one they hedge with, and each maker's capacity."""

    instruments: dict[str, list[int]]
    makers: dict[str, Integers]
    main: dict[str, int]
    capacity: Floats


def _quoting(listed: tuple[Listing, ...], count: int, rng: np.random.Generator) -> Quoting:
    capacity = rng.gamma(2.5, 1.0, count)
    instruments = {u.asset: [i for i, item in enumerate(listed) if item.underlying == u.asset] for u in UNDERLYINGS}
    share = capacity / capacity.sum()
    makers = {u.asset: np.sort(rng.choice(count, size=_CROWD.get(u.asset, 7), replace=False, p=share)) for u in UNDERLYINGS}
    return Quoting(instruments, makers, {asset: rows[0] for asset, rows in instruments.items()}, capacity)


def _held(listed: tuple[Listing, ...], quoting: Quoting, rows: int, rng: np.random.Generator) -> Flags:
    """[instruments, makers] who holds what, `rows` in all: everyone the main instrument, a few every other, more where it is popular."""
    held = np.zeros((len(listed), len(quoting.capacity)), dtype=np.bool_)
    free = np.zeros_like(held)
    for asset, instruments in quoting.instruments.items():
        who = quoting.makers[asset]
        for i in instruments:
            chosen = who if i == quoting.main[asset] else rng.choice(who, size=min(_LEAST, len(who)), replace=False)
            if listed[i].kind != "spot":
                held[i, chosen] = True
                free[i, who] = ~held[i, who]
    missing = rows - int(np.count_nonzero(held))
    if missing < 0:
        raise ValueError(f"{rows} rows are left for market makers, and they need {np.count_nonzero(held)}")
    instrument, maker = np.nonzero(free)
    weight = np.array([item.popularity for item in listed])[instrument]
    extra = rng.choice(len(instrument), size=missing, replace=False, p=weight / weight.sum())
    held[instrument[extra], maker[extra]] = True
    return held


def _hedge(steps: Integers, quoting: Quoting, delta: Floats) -> None:
    """Trades among the makers in the main instrument, after which each has its share of their net delta."""
    for asset, instruments in quoting.instruments.items():
        who, main = quoting.makers[asset], quoting.main[asset]
        exposure = (steps[np.ix_(instruments, who)] * delta[instruments][:, None]).sum(axis=0)
        share = quoting.capacity[who] / quoting.capacity[who].sum()
        trade = np.rint((share * exposure.sum() - exposure) / delta[main]).astype(np.int64)
        trade[-1] -= trade.sum()
        steps[main, who] += trade


def _fill(steps: Integers, held: Flags) -> None:
    """No empty rows: one step against the largest holder."""
    for i in range(len(steps)):
        who = np.flatnonzero(held[i])
        for maker in who[steps[i, who] == 0]:
            other = who[np.argmax(np.abs(steps[i, who]))]
            lot = -1 if steps[i, other] == 1 else 1
            steps[i, maker] += lot
            steps[i, other] -= lot


def maker_positions(
    members: Members,
    listed: tuple[Listing, ...],
    clients: list[tuple[int, int, int]],
    unit: Floats,
    delta: Floats,
    rows: int,
    rng: np.random.Generator,
) -> list[tuple[int, int, int]]:
    """(account, instrument, steps), `rows` of them: the client net of each instrument the other way round, and trades among makers, hedged.

    `unit` is the notional of a step, `delta` its dollars of underlying.
    """
    makers = np.flatnonzero(np.array([style == "maker" for style in members.styles]))
    quoting = _quoting(listed, len(makers), rng)
    held = _held(listed, quoting, rows, rng)
    net = np.zeros(len(listed), dtype=np.int64)
    for _, instrument, size in clients:
        net[instrument] += size
    steps = np.zeros(held.shape, dtype=np.int64)
    for i in np.flatnonzero(held.any(axis=1)):
        item, who = listed[i], np.flatnonzero(held[i])
        share = quoting.capacity[who] / quoting.capacity[who].sum()
        scale = (90_000.0 if item.kind == "option" else 420_000.0) * float(np.exp(rng.normal(0.0, 0.8))) * (0.5 + min(item.popularity, 12.0) / 4.0)
        among = rng.normal(0.0, 1.0, len(who)) * scale / unit[i]
        steps[i, who] = np.rint(-net[i] * share + among - among.mean()).astype(np.int64)
        steps[i, who[-1]] -= net[i] + steps[i].sum()
    _hedge(steps, quoting, delta)
    _fill(steps, held)
    return [(int(makers[m]), int(i), int(steps[i, m])) for i, m in zip(*np.nonzero(held), strict=True)]
