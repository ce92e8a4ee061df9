"""What instruments gain and lose when prices, forwards and vols move on top of every scenario.

A move is laid over the state of a scenario and makes another state: its instruments are valued there as at any other
(docs/methodology.md section 3), and what they are worth in the scenario itself is taken off.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.implied import FOUND
from stresstest.valuation.marks import MAX_VOL
from stresstest.valuation.moved_europeans import EuropeanStates, change_of_europeans
from stresstest.valuation.states import laid_out, states_of, value_options, value_others
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.integer]

CELLS = 1 << 16
"""Cells (instrument, move, scenario) valued at once, whole instruments: what is held besides the result is some 30 MB."""


@dataclass(frozen=True)
class OptionStates:
    """Options as they are in the scenarios, before a move: `codes` i32[n]; `vol`, `years` to expiry and `forward` f64[n, S]; `strike` f64[n]."""

    codes: npt.NDArray[np.int32]
    vol: Floats
    years: Floats
    forward: Floats
    strike: Floats

    def part(self, rows: slice) -> OptionStates:
        """Consecutive options of these."""
        return OptionStates(self.codes[rows], self.vol[rows], self.years[rows], self.forward[rows], self.strike[rows])


@dataclass(frozen=True)
class Moves:
    """C moves of n instruments: factors f64[n, C], 1 where nothing moves.

    `underlying`, `quote`, `settle`: X of these assets of the instrument. `own_price`: the price of the underlying in its price currency.
    `forward`: forwards and marks, beside what the underlying does to them.
    `vols` gives the vols of options in every move, f64[n, C, S] before they are brought into their range: where nothing moves them, those of
    the states.
    """

    underlying: Floats
    own_price: Floats
    quote: Floats
    settle: Floats
    forward: Floats
    vols: Callable[[OptionStates], Floats]


@dataclass(frozen=True)
class Changes:
    """Changes by a move, f64[n, C, S] each, reporting currency; None where no instrument has any.

    `value` of `value_slope`, `cost` of `cost_slope` (see `UnitValues`), `settle` of X of the settle asset: a position gains
    quantity * value + cost of the position * cost + funding * settle.
    `clamped_vols` i64[S]: vols that moves would have taken out of their range.
    """

    value: Floats
    cost: Floats | None
    settle: Floats | None
    clamped_vols: Counts


def changes(dimensions: Dimensions, resolved: Resolved, units: UnitValues, codes: Places, moves: Moves) -> Changes:
    """What the instruments `codes` gain in every move on top of every scenario. Exactly zero where nothing that they depend on moves.

    Raises:
        StressTestError: a value that is no finite number, or an inverse contract whose mark falls to zero.
    """
    every = instrument_terms(dimensions, resolved) if units.terms is None else units.terms
    terms = every[codes].with_columns(pl.col("normal", "american").fill_null(False)).with_row_index("place")
    value = np.empty((len(codes), moves.forward.shape[1], resolved.scenarios))
    sound = np.ones(len(codes), dtype=np.bool_)
    clamped = np.zeros(resolved.scenarios, dtype=np.int64)
    plain = terms.with_columns(plain=_plain(terms, units))
    for (is_plain, option, normal, american, inverse), group in plain.group_by(
        "plain", "option", "normal", "american", "inverse", maintain_order=True
    ):
        work = _Work(group.drop("plain"), resolved, units, moves, value, sound)
        if is_plain:
            clamped += work.plain_options(inverse=bool(inverse))
        else:
            clamped += work.state_by_state(option=bool(option), normal=bool(normal), american=bool(american))
    _refuse(dimensions, codes[~sound])
    cost, settle = _money_changes(dimensions, resolved, units, codes, terms, moves)
    return Changes(value, cost, settle, clamped)


def _plain(terms: pl.DataFrame, units: UnitValues) -> pl.Series:
    """European options with lognormal vols implied by their marks, on what is always above zero: no offset, no bound, no branch."""
    forward = pl.Series(units.forward[terms["instrument"].to_numpy()].min(axis=1, initial=np.inf) > 0.0)
    of_terms = (
        pl.col("option") & ~pl.col("normal") & ~pl.col("american") & ~pl.col("additive") & (pl.col("strike") > 0.0) & (pl.col("outcome") == FOUND)
    )
    return terms.select(of_terms.fill_null(False)).to_series() & forward


@dataclass(frozen=True)
class _Work:
    """Instruments of one kind of arithmetic, and where their changes go: `value` f64[n, C, S] and `sound` bool[n], at `place` of `terms`."""

    terms: pl.DataFrame
    resolved: Resolved
    units: UnitValues
    moves: Moves
    value: Floats
    sound: Flags

    def plain_options(self, *, inverse: bool) -> Counts:
        """Fills in the changes of options that are `_plain`; returns i64[S], vols brought into their range."""
        terms, moves = self.terms, self.moves
        places, before = terms["place"].to_numpy(), states_of(terms, self.resolved)
        options = _options(terms, before, self.units, normal=False)
        discount = np.exp(-(terms["discounting"].to_numpy()[:, None] * before["rate"]) * options.years)
        price = moves.own_price[places] if inverse else moves.underlying[places] / moves.quote[places]
        states = EuropeanStates(
            sign=terms["sign"].to_numpy()[:, None],
            strike=options.strike[:, None],
            forward=options.forward,
            root=np.sqrt(options.years),
            vol=options.vol,
            worth=terms["contract_size"].to_numpy()[:, None] * before["money_value"] * discount,
            inverse=inverse,
        )

        def out(rows: slice, change: Floats) -> None:
            self.value[places[rows]] = change
            self.sound[places[rows]] = np.isfinite(change).all(axis=(1, 2))

        return change_of_europeans(
            states, price * moves.forward[places], moves.quote[places], lambda rows: moves.vols(options.part(rows)), MAX_VOL, out
        )

    def state_by_state(self, *, option: bool, normal: bool, american: bool) -> Counts:
        """The same for anything, as a frame with one row a state."""
        clamped = np.zeros(self.resolved.scenarios, dtype=np.int64)
        step = max(CELLS // max(self.moves.forward.shape[1] * self.resolved.scenarios, 1), 1)
        for start in range(0, self.terms.height, step):
            terms = self.terms[start : start + step]
            places = terms["place"].to_numpy()
            shape = (terms.height, *self.value.shape[1:])
            frame = _moved(terms.drop("place"), self.resolved, self.units, self.moves, places, normal=normal)
            values = value_options(frame, normal=normal, american=american) if option else value_others(frame)
            moved = values["value_slope"].to_numpy().reshape(shape)
            self.value[places] = moved - self.units.value_slope[terms["instrument"].to_numpy()][:, None, :]
            clamped += values["vol_clamped"].to_numpy().reshape(shape).sum(axis=(0, 1))
            divisor = values["forward" if option else "mark"].to_numpy().reshape(shape)
            undefined = terms["inverse"].to_numpy()[:, None, None] & ~(divisor > 0.0)
            self.sound[places] = (np.isfinite(moved) & ~undefined).all(axis=(1, 2))
        return clamped


def _options(terms: pl.DataFrame, before: dict[str, Floats], units: UnitValues, *, normal: bool) -> OptionStates:
    codes = terms["instrument"].to_numpy()
    vol = before["vol_scale"] * terms["base_vol"].to_numpy()[:, None] + before["vol_shift"]
    years = np.maximum(terms["base_years"].to_numpy()[:, None] - before["elapsed_years"], 0.0)
    return OptionStates(
        codes.astype(np.int32), np.clip(vol, 0.0, None if normal else MAX_VOL), years, units.forward[codes], terms["strike"].to_numpy()
    )


def _moved(terms: pl.DataFrame, resolved: Resolved, units: UnitValues, moves: Moves, places: Places, *, normal: bool) -> pl.DataFrame:
    """Terms and states of instruments in all moves on top of all scenarios, as `value_states` takes them."""
    before = states_of(terms, resolved)
    forward = moves.forward[places][:, :, None]
    by_settle = (terms["money_code"] != terms["quote_code"]).to_numpy()[:, None]
    factors = {
        "underlying_value": moves.underlying[places],
        "underlying_price": moves.own_price[places],
        "quote_value": moves.quote[places],
        "money_value": np.where(by_settle, moves.settle[places], moves.quote[places]),
    }
    shape = (len(places), moves.forward.shape[1], resolved.scenarios)
    states = {name: np.broadcast_to(column[:, None, :], shape) for name, column in before.items()}
    for name, factor in factors.items():
        states[name] = states[name] * factor[:, :, None]
    # (1 + basis) * forward - 1, the basis to the last bit where nothing moves.
    states["basis"] = states["basis"] + (forward - 1.0) * (1.0 + states["basis"])
    if terms["option"].any():
        states["vol_scale"], states["vol_shift"] = np.zeros(shape), moves.vols(_options(terms, before, units, normal=normal))
    return laid_out(terms, states)


def _money_changes(
    dimensions: Dimensions, resolved: Resolved, units: UnitValues, codes: Places, terms: pl.DataFrame, moves: Moves
) -> tuple[Floats | None, Floats | None]:
    """`Changes.cost` and `Changes.settle`."""
    by_settle = (terms["money_code"] != terms["quote_code"]).to_numpy()[:, None]
    money = np.where(by_settle, moves.settle, moves.quote) - 1.0
    settle = moves.settle - 1.0
    cost_slope = units.cost_slope[codes]
    settle_value = resolved.value[dimensions.instruments["settle_code"].to_numpy()[codes]]
    costs = (money != 0.0).any(axis=1) & (cost_slope != 0.0).any(axis=1)
    cost = cost_slope[:, None, :] * money[:, :, None] if costs.any() else None
    return cost, settle_value[:, None, :] * settle[:, :, None] if (settle != 0.0).any() else None


def _refuse(dimensions: Dimensions, codes: Places) -> None:
    if len(codes):
        names = dimensions.instruments["instrument_id"][codes]
        fault = Fault(
            "the value of an instrument in a row of a margin grid is not a finite number, or the mark of an inverse contract is zero or less there",
            "Look for a price, strike or forward out of any range, or make the moves of the row smaller.",
            table="instruments",
            rows=len(names),
            keys=tuple(names.head(5)),
        )
        raise StressTestError(Reason.MARGIN_FILE, "some instruments cannot be valued in a margin grid", [fault])
