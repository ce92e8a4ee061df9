"""The instruments of a book as records for the kernels: rows of values and notionals, schedules and needs of short options."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.tables import INSTRUMENT, MARGINED_OPTION, MARKED, PAID_OPTION, SPOT
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.scaling_rows import instrument_columns
from stresstest.margin.schedule_codes import codes_of, factor_of
from stresstest.margin.schedule_tables import records
from stresstest.margin.short_options import short_option_needs
from stresstest.margin.views import Names, Views
from stresstest.scenarios.resolved import Resolved
from stresstest.snapshot.book import Dimensions
from stresstest.valuation.unit_values import UnitValues

Records = npt.NDArray[Any]


def instrument_records(
    dimensions: Dimensions,
    resolved: Resolved,
    units: UnitValues,
    rulebook: Rulebook,
    views: Views,
    codes: dict[str, int],
    rows: RowList,
    price_row: npt.NDArray[np.int32],
) -> Records:
    """The instruments of every view, one view after the other; settle asset and underlying are those of the same view.

    `codes`: of assets by name. `price_row`: the row of the price of every asset.
    """
    frame = dimensions.instruments
    count = frame.height
    underlying, quote, settle = (frame[f"{name}_code"].to_numpy().astype(np.int32) for name in ("underlying", "quote", "settle"))
    kinds, payoff = frame["kind"].to_numpy(), frame["payoff"].to_numpy()
    option = kinds == "option"
    margined = option & (frame["premium_style"].to_numpy() == "margined")
    kind = np.select([kinds == "spot", margined, option], [SPOT, MARGINED_OPTION, PAID_OPTION], MARKED).astype(np.int32)
    size = frame["contract_size"].to_numpy()
    coin = (payoff != "linear") & ~option
    no_cost = (kind == SPOT) | (kind == PAID_OPTION)
    value_row = rows.extend(units.value_slope)
    notionals = _Notionals(rows, units, value_row, resolved, rulebook, codes)
    nets = any(model.nets_by_underlying for model in rulebook.models.values())
    expiry = frame["expiry"].dt.timestamp("us").fill_null(0).to_numpy().astype(np.int64)
    found: list[Records] = []
    for number, view in enumerate(views.views):
        notional_row = notionals.of(view.margin)
        net_row = notionals.of(tuple(view.net[code] for code in underlying)) if nets else notional_row
        # What a short option needs by the schedule that it has in the first view too is there already.
        same = [number > 0 and name == known for name, known in zip(view.margin, views.views[0].margin, strict=True)]
        short = short_option_needs(
            dimensions, resolved, rulebook, tuple(None if known else name for name, known in zip(view.margin, same, strict=True))
        )
        before = found[0] if found else records(INSTRUMENT, count, short_maintenance_row=-1, short_initial_row=-1)
        short_row = np.where(same, [before["short_maintenance_row"], before["short_initial_row"]], np.int32(-1))
        short_row[0, short.instruments] = rows.extend(short.maintenance)
        short_row[1, short.instruments] = rows.extend(short.initial)
        found.append(
            records(
                INSTRUMENT,
                count,
                kind=kind,
                settle=settle + number * dimensions.assets.height,
                underlying=underlying + number * dimensions.assets.height,
                schedule=codes_of(view.margin, rulebook.margin_schedules),
                value_row=value_row,
                cost_row=price_row[np.where(coin, settle, quote)],
                settle_row=price_row[settle],
                notional_row=notional_row,
                net_notional_row=net_row,
                short_maintenance_row=short_row[0],
                short_initial_row=short_row[1],
                code=np.arange(count, dtype=np.int32),
                expiry=expiry,
                size=size,
                cost_factor=np.where(no_cost, 0.0, np.where(coin & (payoff == "inverse"), size, -size)),
                base_notional=units.notional[:, 0],
                **instrument_columns(dimensions, resolved, units, rulebook, view.margin, notional_row, rows.extend),
            )
        )
    return np.concatenate(found)


class _Notionals:
    """Rows of unit notionals in the currencies of schedules, each made once for an instrument and a currency; often it is the value row itself."""

    def __init__(
        self, rows: RowList, units: UnitValues, value_row: npt.NDArray[np.int32], resolved: Resolved, rulebook: Rulebook, codes: dict[str, int]
    ) -> None:
        self.rows, self.units = rows, units
        number: dict[bytes, int] = {}
        factors = [np.ones(resolved.scenarios), *(factor_of(resolved, codes, each.currency) for each in rulebook.margin_schedules.values())]
        self.currency = [number.setdefault(factor.tobytes(), len(number)) for factor in factors]
        """[1 + schedules]: which of the distinct currencies each schedule is in, first that of no schedule: the reporting currency."""
        self.factors = np.stack([np.frombuffer(factor, dtype=np.float64) for factor in number])
        self.schedules = tuple(rulebook.margin_schedules)
        self.known = np.full((len(number), len(value_row)), -1, dtype=np.int32)
        self.known[0] = np.where((units.notional == units.value_slope).all(axis=1), value_row, -1)

    def of(self, schedules: Names) -> npt.NDArray[np.int32]:
        """The row of every instrument in the currency of a schedule."""
        currency = np.array(self.currency)[codes_of(schedules, self.schedules) + 1]
        wanting = np.flatnonzero(self.known[currency, np.arange(len(currency))] < 0)
        if len(wanting):
            self.known[currency[wanting], wanting] = self.rows.extend(self.units.notional[wanting] / self.factors[currency[wanting]])
        found: npt.NDArray[np.int32] = self.known[currency, np.arange(len(currency))]
        return found
