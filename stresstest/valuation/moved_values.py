"""What instruments gain and lose by moves on top of every scenario.

A move makes another state of the state of a scenario: instruments are valued there as at any other (docs/methodology.md section 3), and what
they are worth in the scenario itself is taken off. Where nothing that an instrument depends on moves, the two are the same to the last bit.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.implied import FOUND
from stresstest.valuation.marks import MAX_VOL, marked
from stresstest.valuation.moved_europeans import EuropeanStates, europeans_in_moves
from stresstest.valuation.moves import Changes, Moves, OptionStates
from stresstest.valuation.states import laid_out, states_of, value_options
from stresstest.valuation.terms import instrument_terms
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.integer]

CELLS = 1 << 16
"""Cells (instrument, move, scenario) of a frame valued at once, whole instruments: what is held besides the result is some 30 MB."""

IN_CACHE = 1 << 14
"""Cells (instrument, scenario) of a block of arrays, whose dozen of working arrays stay in a core's cache."""

Found = tuple[Floats, Flags, Counts]
"""Of b instruments: change f64[b, C, S], whether each is a sound number bool[b], vols and prices brought into their range i64[2, S]."""


def changes(dimensions: Dimensions, resolved: Resolved, units: UnitValues, codes: Places, moves: Moves) -> Changes:
    """What the instruments `codes` gain in every move on top of every scenario. The bytes do not depend on the number of threads.

    Raises:
        StressTestError: a value that is no finite number, or an inverse contract whose mark falls to zero.
    """
    every = instrument_terms(dimensions, resolved) if units.terms is None else units.terms
    terms = every[codes].with_columns(pl.col("normal", "american").fill_null(False)).with_row_index("place")
    value = np.empty((len(codes), moves.forward.shape[1], resolved.scenarios))
    sound = np.ones(len(codes), dtype=np.bool_)
    work = _Work(resolved, units, moves)

    def fill(block: pl.DataFrame) -> Counts:
        places = block["place"].to_numpy()
        value[places], sound[places], clamped = work.values(block)
        return clamped

    lean, frames = _blocks(terms.with_columns(plain=_plain(terms, units)), value.shape[1], resolved.scenarios)
    with ThreadPoolExecutor(pl.thread_pool_size()) as pool:
        # Frames have threads of their own.
        vols, prices = sum(chain(pool.map(fill, lean), map(fill, frames)), start=np.zeros((2, resolved.scenarios), dtype=np.int64))
    _refuse(dimensions, codes[~sound])
    return Changes(value, _cost_changes(units, codes, terms, moves), vols, prices)


def _blocks(terms: pl.DataFrame, columns: int, scenarios: int) -> tuple[list[pl.DataFrame], list[pl.DataFrame]]:
    """Instruments of one kind of arithmetic, block by block: those valued as arrays, and those valued as frames."""
    lean: list[pl.DataFrame] = []
    frames: list[pl.DataFrame] = []
    key = ("option", "plain", "normal", "american", "additive", "inverse")
    for (option, plain, *_), group in terms.group_by(key, maintain_order=True):
        blocks, step = (lean, IN_CACHE // max(scenarios, 1)) if plain or not option else (frames, CELLS // max(columns * scenarios, 1))
        blocks += [group[start : start + max(step, 1)] for start in range(0, group.height, max(step, 1))]
    return lean, frames


def _plain(terms: pl.DataFrame, units: UnitValues) -> pl.Series:
    """European options with lognormal vols implied by their marks, on a forward that moves as a whole and is always above zero: no offset, no
    bound, no branch."""
    forward = pl.Series(units.forward[terms["instrument"].to_numpy()].min(axis=1, initial=np.inf) > 0.0)
    lognormal = pl.col("option") & ~pl.col("normal") & ~pl.col("american") & ~pl.col("additive")
    whole = (pl.col("variable_share") == 1.0) & (pl.col("outcome") == FOUND) & (pl.col("strike") > 0.0)
    return terms.select((lognormal & whole).fill_null(False)).to_series() & forward


@dataclass(frozen=True)
class _Work:
    """Values blocks of instruments of one kind of arithmetic, rows of terms with their `place` in `moves`."""

    resolved: Resolved
    units: UnitValues
    moves: Moves

    def values(self, terms: pl.DataFrame) -> Found:
        """Changes of a block."""
        if not terms["option"][0]:
            return self.marked(terms)
        return self.plain_options(terms) if terms["plain"][0] else self.options(terms)

    def marked(self, terms: pl.DataFrame) -> Found:
        """Instruments that are no options."""
        before, factors = states_of(terms, self.resolved), self._factors(terms)
        mark_price, size, base_ratio = (terms[name].to_numpy()[:, None] for name in ("mark_price", "contract_size", "base_ratio"))
        additive, inverse = bool(terms["additive"][0]), bool(terms["inverse"][0])
        at_state = self.units.value_slope[terms["instrument"].to_numpy()]
        change = self._empty(terms)
        sound = np.ones(terms.height, dtype=np.bool_)
        for column in range(change.shape[1]):
            state = {name: before[name] * factor[:, column, None] for name, factor in factors.items()}
            mark, slope = marked(
                mark_price, size, base_ratio, state["underlying_value"], state["quote_value"], state["money_value"],
                self._basis(terms, before["basis"], column), additive=additive, inverse=inverse,
            )  # fmt: skip
            np.subtract(slope, at_state, out=change[:, column])
            sound[~np.isfinite(slope).all(axis=1) | (inverse & ~(mark > 0.0).all(axis=1))] = False
        return change, sound, np.zeros((2, self.resolved.scenarios), dtype=np.int64)

    def plain_options(self, terms: pl.DataFrame) -> Found:
        """Options that are `_plain`."""
        moves, places = self.moves, terms["place"].to_numpy()
        before = states_of(terms, self.resolved)
        options = self._options(terms, before)
        inverse = bool(terms["inverse"][0])
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
        moved = moves.vols(options)
        vols = np.clip(moved, 0.0, MAX_VOL)
        change = europeans_in_moves(states, price * moves.forward[places], moves.quote[places], vols)
        finite: Flags = np.isfinite(change)
        clamped = (vols != moved).sum(axis=(0, 1))
        # Prices of a model without an offset are inside their bounds.
        return change, np.logical_and.reduce(finite, axis=(1, 2)), np.stack([clamped, np.zeros_like(clamped)])

    def options(self, terms: pl.DataFrame) -> Found:
        """Any options, as a frame with one row a state."""
        before, factors = states_of(terms, self.resolved), self._factors(terms)
        change = self._empty(terms)
        states = {name: np.broadcast_to(column[:, None, :], change.shape) for name, column in before.items()}
        for name, factor in factors.items():
            states[name] = states[name] * factor[:, :, None]
        states["basis"] = np.stack([self._basis(terms, before["basis"], column) for column in range(change.shape[1])], axis=1)
        states["vol_scale"], states["vol_shift"] = np.zeros(change.shape), self.moves.vols(self._options(terms, before))
        frame = laid_out(terms.drop("place", "plain"), states)
        values = value_options(frame, normal=bool(terms["normal"][0]), american=bool(terms["american"][0]))
        slope, forward = (values[name].to_numpy().reshape(change.shape) for name in ("value_slope", "forward"))
        clamped = np.stack([values[name].to_numpy().reshape(change.shape).sum(axis=(0, 1)) for name in ("vol_clamped", "price_clamped")])
        np.subtract(slope, self.units.value_slope[terms["instrument"].to_numpy()][:, None, :], out=change)
        undefined = terms["inverse"].to_numpy()[:, None, None] & ~(forward > 0.0)
        sound: Flags = np.isfinite(slope) & ~undefined
        return change, np.logical_and.reduce(sound, axis=(1, 2)), clamped

    def _empty(self, terms: pl.DataFrame) -> Floats:
        return np.empty((terms.height, self.moves.forward.shape[1], self.resolved.scenarios))

    def _factors(self, terms: pl.DataFrame) -> dict[str, Floats]:
        """What moves multiply columns of states by, f64[b, C]."""
        moves, places = self.moves, terms["place"].to_numpy()
        return {
            "underlying_value": moves.underlying[places],
            "underlying_price": moves.own_price[places],
            "quote_value": moves.quote[places],
            "money_value": money_factor(terms, moves),
        }

    def _basis(self, terms: pl.DataFrame, basis: Floats, column: int) -> Floats:
        """(1 + basis) * forward - 1, the basis to the last bit where nothing moves; f64[b, S]."""
        forward = self.moves.forward[terms["place"].to_numpy(), column, None]
        moved: Floats = basis + (forward - 1.0) * (1.0 + basis)
        return moved

    def _options(self, terms: pl.DataFrame, before: dict[str, Floats]) -> OptionStates:
        codes = terms["instrument"].to_numpy()
        vol = before["vol_scale"] * terms["base_vol"].to_numpy()[:, None] + before["vol_shift"]
        years = np.maximum(terms["base_years"].to_numpy()[:, None] - before["elapsed_years"], 0.0)
        inside = np.clip(vol, 0.0, None if terms["normal"][0] else MAX_VOL)
        return OptionStates(codes.astype(np.int32), inside, years, self.units.forward[codes], terms["strike"].to_numpy())


def money_factor(terms: pl.DataFrame, moves: Moves) -> Floats:
    """What moves multiply X by of the asset that turns price into value, f64[b, C]: the quote, of inverse and quanto contracts the settle asset."""
    places = terms["place"].to_numpy()
    by_settle = (terms["money_code"] != terms["quote_code"]).to_numpy()[:, None]
    factor: Floats = np.where(by_settle, moves.settle[places], moves.quote[places])
    return factor


def _cost_changes(units: UnitValues, codes: Places, terms: pl.DataFrame, moves: Moves) -> Floats | None:
    move = money_factor(terms, moves) - 1.0
    slope = units.cost_slope[codes]
    changed = (move != 0.0).any(axis=1) & (slope != 0.0).any(axis=1)
    return slope[:, None, :] * move[:, :, None] if changed.any() else None


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
