"""Positions beyond a schedule's `max_notional`: refused at base where the schedule says so, extended and counted in scenarios.

A position is tested as it is held, also where a model nets it with others: venues limit what is held in a contract. A long option is
never tested, since nothing is asked of it by its schedule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import views_of
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block
from stresstest.valuation.unit_values import UnitValues

if TYPE_CHECKING:  # the kernels take long to import, and `validate` does without them
    from stresstest.margin.compile import Compiled
    from stresstest.stress.holders import BlockHoldings

KEYS = 5
"""Offending positions named for each schedule in a refusal."""


@dataclass(frozen=True)
class Limits:
    """`most` [schedules]: notional in the schedule's currency (infinite: none); `option` [instruments]: whether it is one.

    `governed` [models, instruments]: whether schedules charge it under the model.
    """

    most: npt.NDArray[np.float64]
    option: npt.NDArray[np.bool_]
    governed: npt.NDArray[np.bool_]


class BlockLimits(NamedTuple):
    """Per schedule: positions extended in some scenario and their base notional."""

    extended: npt.NDArray[np.int64]
    notional: npt.NDArray[np.float64]


def limits_of(rulebook: Rulebook, dimensions: Dimensions) -> Limits:
    """The limits of a margin file's schedules, in file order."""
    schedules = rulebook.margin_schedules.values()
    most = [np.inf if schedule.max_notional is None else schedule.max_notional for schedule in schedules]
    option = (dimensions.instruments["kind"] == "option").to_numpy()
    return Limits(np.array(most, dtype=np.float64), option, _governed(rulebook, dimensions))


def _governed(rulebook: Rulebook, dimensions: Dimensions) -> npt.NDArray[np.bool_]:
    kinds = dimensions.instruments["kind"].to_numpy()
    return np.stack([np.isin(kinds, list(model.scheduled_kinds)) for model in rulebook.models.values()])


def block_limits(limits: Limits, compiled: Compiled, block: BlockHoldings) -> BlockLimits:
    """Which positions of a block go beyond their instrument's schedule in some scenario, per position (before netting by underlying)."""
    count = len(limits.most)
    if not np.isfinite(limits.most).any():
        return BlockLimits(np.zeros(count, np.int64), np.zeros(count))
    positions = block.holdings.positions
    instrument = positions["instrument"]
    schedule = compiled.tables.instruments["schedule"][instrument]
    size = np.abs(positions["quantity"])
    row = compiled.tables.instruments["notional_row"][instrument]
    code = instrument % compiled.views.instruments
    model = np.repeat(block.holdings.model, np.diff(block.holdings.position_first))
    tested = (schedule >= 0) & limits.governed[model, code] & ~(limits.option[code] & (positions["quantity"] > 0.0))
    extended = tested & (size * compiled.tables.span[row, 1] > limits.most[schedule])
    weights = size[extended] * compiled.tables.values[0, row[extended], 0]
    return BlockLimits(
        np.bincount(schedule[extended], minlength=count), np.bincount(schedule[extended], weights=weights, minlength=count).astype(np.float64)
    )


def check_limits(book: Book, resolved: Resolved, units: UnitValues, rulebook: Rulebook) -> None:
    """Refuse positions that are beyond `max_notional` at base, where their schedule says so.

    Raises:
        StressTestError: input data, with one fault for each such schedule.
    """
    schedules = {name: each for name, each in rulebook.margin_schedules.items() if each.above_max == "refuse" and each.max_notional is not None}
    if not schedules:
        return
    instruments, assets = book.dimensions.instruments, book.dimensions.assets["asset"]
    codes = {asset: code for code, asset in enumerate(assets)}
    option = (instruments["kind"] == "option").to_numpy()
    rows = dict.fromkeys(schedules, 0)
    keys: dict[str, list[str]] = {name: [] for name in schedules}
    views = views_of(book.dimensions, rulebook)
    view_of = views.of_accounts(book.dimensions)
    governed = _governed(rulebook, book.dimensions)
    codes_of_models = {name: code for code, name in enumerate(rulebook.models)}
    model_of = np.array([codes_of_models[name] for name in book.dimensions.accounts["margin_model"]], dtype=np.int32)
    # [views, instruments]: notional in reporting currency that a position may have; infinite for what the schedule does not govern.
    most = {}
    for name, schedule in schedules.items():
        rate = 1.0 if schedule.currency is None else float(resolved.value[codes[schedule.currency], 0])
        assert schedule.max_notional is not None
        has = np.array([[each == name for each in view.margin] for view in views.views], dtype=np.bool_)
        most[name] = np.where(has, schedule.max_notional * rate, np.inf)
    base = units.notional[:, 0]
    for number in range(book.blocks):
        block = load_block(book, number)
        holder = block.account[block.position_pool]
        untested = (option[block.instrument] & (block.quantity > 0.0)) | ~governed[model_of[holder], block.instrument]
        notional = np.where(untested, 0.0, np.abs(block.quantity) * base[block.instrument])
        for name in schedules:
            beyond = np.flatnonzero(notional > most[name][view_of[holder], block.instrument])
            rows[name] += len(beyond)
            for place in beyond[: KEYS - len(keys[name])]:
                account = book.dimensions.accounts["account_id"][int(block.account[block.position_pool[place]])]
                keys[name].append(f"{account} {instruments['instrument_id'][int(block.instrument[place])]}")
    faults = [
        Fault(
            f"notional at base is above max_notional of margin schedule {name}, which says above_max: refuse",
            "Check the position, or raise max_notional, or set above_max: extend.",
            file=next((file.path for file in book.inputs if file.table == "positions"), None),
            table="positions",
            column="quantity",
            rule="notional within the schedule",
            rows=rows[name],
            keys=tuple(keys[name]),
        )
        for name in schedules
        if rows[name]
    ]
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "positions are larger than their margin schedules allow", faults)
