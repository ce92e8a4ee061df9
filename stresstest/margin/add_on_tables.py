"""Add-on lines of the models of a margin file as arrays: what each line measures of each instrument, and which instruments net."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.kernels.tables import ADD_ON, ADDED, ADDED_WITH_LOSS_FACTOR, FLOOR, AddOns
from stresstest.margin.row_list import NewRows
from stresstest.margin.rulebook import AddOn, Depeg, Rulebook
from stresstest.margin.rulebook.add_ons import COUNTED
from stresstest.margin.views import models_in_use
from stresstest.scenarios.resolved import Resolved
from stresstest.scenarios.selectors import Selector, Universe
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int32]

_SIDES = {"long": 1, "short": -1, None: 0}
_KEYS = {
    "position": ("instrument_id",),
    "strike": ("risk_group", "underlying", "expiry", "strike"),
    "expiry": ("risk_group", "underlying", "expiry"),
    "underlying": ("risk_group", "underlying"),
    "risk_group": ("risk_group",),
}


def no_add_ons(models: int, instruments: int = 1) -> AddOns:
    """The arrays of models without add-ons."""
    none = (0, instruments)
    return AddOns(
        np.zeros(0, ADD_ON), np.zeros(models + 1, np.int32), np.zeros(none, np.int32), np.zeros(none), np.zeros(none, np.int32), np.zeros(none),
        np.zeros(instruments, np.int32), np.zeros((1, 3)),
    )  # fmt: skip


def depeg_of(depeg: Depeg, dimensions: Dimensions, resolved: Resolved) -> Floats:
    """`factor * max(0, threshold - price)` [S], price in its price currency; zero for an asset that the snapshot does not have."""
    codes = np.flatnonzero((dimensions.assets["asset"] == depeg.asset).to_numpy())
    if not len(codes):
        return np.zeros(resolved.scenarios)
    return np.asarray(depeg.factor * np.maximum(0.0, depeg.threshold - resolved.spot[codes[0]]), dtype=np.float64)


def check_depegs(dimensions: Dimensions, rulebook: Rulebook) -> None:
    """Assets whose depeg a model in use asks for must be in the snapshot.

    Raises:
        StressTestError: margin file, with one fault for every line and asset that is not.
    """
    known = set(dimensions.assets["asset"])
    faults = [
        Fault(
            f"`{line.name}` grows while {line.depeg.asset} trades below its peg, and the snapshot has no such asset",
            "Name the asset as the assets table does, or remove `depeg`.",
            path=f"models.{name}.add_ons.{number}.depeg",
        )
        for name, model in rulebook.models.items()
        if name in models_in_use(dimensions)
        for number, line in enumerate(model.add_ons)
        if line.depeg is not None and line.depeg.asset not in known
    ]
    if faults:
        raise StressTestError(Reason.MARGIN_FILE, "the margin file cannot be applied to this book", faults)


def add_on_tables(
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    new_rows: NewRows,
    price_row: Codes,
    value_row: Codes,
    deltas: Mapping[str, Floats],
) -> AddOns:
    """The add-on lines of all models in use; of the others there are none.

    Args:
        dimensions, resolved, units, rulebook: of the run.
        new_rows: numbers new rows.
        price_row: row of X of every asset.
        value_row: row of the value slope of every instrument.
        deltas: f64[instruments, S] by model, for lines that measure deltas.
    """
    lines = [(name, line) for name, model in rulebook.models.items() for line in (model.add_ons if name in models_in_use(dimensions) else ())]
    if not lines:
        return no_add_ons(len(rulebook.models), dimensions.instruments.height)
    universe = Universe(dimensions, rulebook.margin_names(), resolved.value[:, 0])
    rows = _Rows(dimensions, resolved, units, new_rows, price_row, value_row)
    records = np.zeros(len(lines), ADD_ON)
    records["depeg_row"] = -1
    shape = (len(lines), dimensions.instruments.height)
    row, factor, key, scale = np.full(shape, -1, np.int32), np.ones(shape), np.zeros(shape, np.int32), np.ones(shape)
    tiers: list[tuple[float, float, float]] = []
    for number, (name, line) in enumerate(lines):
        passing = universe.elements(Selector("basis:*", line.where, annualised=False, term=None))
        row_of, factor_of = rows.measure(line, deltas.get(name))
        doubt = _doubt(dimensions, line)
        passing = passing[doubt[passing] > 0.0]
        row[number, passing] = row_of[passing]
        factor[number] = factor_of * doubt
        key[number] = _nets(dimensions, _KEYS[line.net])
        if line.basis == "days":
            scale[number, key[number]] = line.participation * _daily_volume(dimensions)
        records[number] = _record(line, len(tiers), rows.depeg(line))
        tiers += [(tier.from_, tier.maintenance_rate, tier.initial_rate) for tier in line.tiers]
    counts = [sum(name == model for name, _ in lines) for model in rulebook.models]
    first = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    return AddOns(records, first, row, factor, key, scale, _nets(dimensions, ("risk_group",)), np.array(tiers or [(0.0, 0.0, 0.0)]))


def _record(line: AddOn, first_tier: int, depeg_row: int) -> tuple[Any, ...]:
    """A record of type `ADD_ON`."""
    price = line.rate or line.amount
    maintenance, initial = (0.0, 0.0) if price is None else (price.maintenance, price.initial)
    role = FLOOR if line.combine == "floor" else ADDED_WITH_LOSS_FACTOR if line.loss_factor else ADDED
    return (_SIDES[line.side], line.net == "position", line.part == "hedged", role, first_tier, len(line.tiers), depeg_row, 0, maintenance, initial)


def _nets(dimensions: Dimensions, columns: Sequence[str]) -> Codes:
    """Number of the net that each instrument belongs to: the same for equal values of the columns."""
    known: dict[tuple[Any, ...], int] = {}
    return np.array([known.setdefault(values, len(known)) for values in dimensions.instruments.select(columns).iter_rows()], dtype=np.int32)


def _daily_volume(dimensions: Dimensions) -> Floats:
    """Daily volume of each instrument's underlying, zero where it has none: whatever is held of it is then beyond every threshold."""
    volume = dimensions.assets["daily_volume"].fill_null(0.0).to_numpy()
    return np.asarray(volume[dimensions.instruments["underlying_code"].to_numpy()], dtype=np.float64)


def _doubt(dimensions: Dimensions, line: AddOn) -> Floats:
    """What a measure is multiplied by for a lack of confidence: 1 - c where c is below the limit, else 0; 1 where the line does not ask."""
    if line.confidence_below is None:
        return np.ones(dimensions.instruments.height)
    of_asset = dimensions.assets["confidence"].fill_null(1.0).to_numpy()[dimensions.instruments["underlying_code"].to_numpy()]
    confidence = np.minimum(dimensions.instruments["confidence"].fill_null(1.0).to_numpy(), of_asset)
    return np.where(confidence < line.confidence_below, 1.0 - confidence, 0.0)


@dataclass
class _Rows:
    """The rows that lines measure by, each numbered once.

    A measure that is a constant times the price of an asset follows the price: contracts of one underlying then net without being looked at
    in every scenario.
    """

    dimensions: Dimensions
    resolved: Resolved
    units: UnitValues
    new_rows: NewRows
    price_row: Codes
    value_row: Codes

    def __post_init__(self) -> None:
        instruments = self.dimensions.instruments
        self._option: npt.NDArray[np.bool_] = (instruments["kind"] == "option").to_numpy()
        self._inverse: npt.NDArray[np.bool_] = (instruments["payoff"] == "inverse").to_numpy() & ~self._option
        self._size = instruments["contract_size"].to_numpy()
        self._underlying = instruments["underlying_code"].to_numpy()
        self._positive = self.resolved.value[self._underlying].min(axis=1, initial=np.inf) >= 0.0
        self._known: dict[str, Codes] = {}

    def measure(self, line: AddOn, delta: Floats | None) -> tuple[Codes, Floats]:
        """Row and factor of every instrument: the measure of one contract is factor * row."""
        ones = np.ones(len(self._size))
        if line.of in COUNTED:
            ones_row = self._cached("contracts", lambda: np.ones((1, self.resolved.scenarios))).repeat(len(ones))
            return ones_row, self._size if line.of == "units" else ones
        if line.of == "delta":
            assert delta is not None, "deltas are of models whose grid was valued"
            return self.new_rows(delta), ones
        if line.of == "value":
            return np.where(self._inverse, self._notional(), self.value_row).astype(np.int32), ones
        # Of inverse contracts, whose size is in the quote currency, the notional is that of the underlying.
        by_price = ~self._inverse if line.of == "underlying_notional" else self._option & self._positive
        return np.where(by_price, self.price_row[self._underlying], self._notional()).astype(np.int32), np.where(by_price, self._size, 1.0)

    def depeg(self, line: AddOn) -> int:
        """Row of the depeg that multiplies a line, -1 without one."""
        if line.depeg is None:
            return -1
        return int(self.new_rows(depeg_of(line.depeg, self.dimensions, self.resolved)[np.newaxis])[0])

    def _notional(self) -> Codes:
        return self._cached("notional", lambda: self.units.notional)

    def _cached(self, name: str, rows: Callable[[], Floats]) -> Codes:
        if name not in self._known:
            self._known[name] = self.new_rows(rows())
        return self._known[name]
