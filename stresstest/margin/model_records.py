"""The margin models of a file as records for the kernels, with the weights of their requirements."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from stresstest.margin.kernels.tables import MODEL
from stresstest.margin.row_list import RowList
from stresstest.margin.rulebook import ConservativePrices, PortfolioModel, Rulebook
from stresstest.margin.schedule_codes import factor_of
from stresstest.margin.schedule_tables import records
from stresstest.scenarios.resolved import Resolved

Floats = npt.NDArray[np.float64]
Records = npt.NDArray[Any]


def model_records(
    resolved: Resolved, rulebook: Rulebook, codes: dict[str, int], rows: RowList, ones: int
) -> tuple[Records, npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Records of type `MODEL`, `weights` of `Tables`, and the row of every weight; weight 0 is `ones`, the row that is one in every scenario.

    `codes`: of assets by name.
    """
    values = list(rulebook.models.values())
    weights: dict[int, int] = {ones: 0}
    one = np.ones(resolved.scenarios)

    def weight(row: Floats) -> int:
        number = rows.one(row)
        return weights.setdefault(number, len(weights))

    tier = np.zeros((len(values), len(rulebook.margin_schedules) + 1), dtype=np.int32)
    plain = np.zeros_like(tier)
    for m, name in enumerate(rulebook.models):
        of_model = resolved.margin_rate.get(name, one)
        tier[m, -1] = plain[m, -1] = weight(one * of_model)
        # Under a strategy model what a schedule charges takes the schedule's rate, everything else the model's: nothing is multiplied twice.
        beside = one if rulebook.models[name].kind == "strategy" else of_model
        for k, (schedule_name, schedule) in enumerate(rulebook.margin_schedules.items()):
            rate = resolved.margin_rate.get(schedule_name, one) * beside
            plain[m, k] = weight(rate)
            tier[m, k] = weight(rate * factor_of(resolved, codes, schedule.currency))
    caps = [model.positive_pnl_cap for model in values]
    prices = [model.conservative_prices or ConservativePrices(maintenance=False, initial=False) for model in values]
    found = records(
        MODEL,
        len(values),
        net_by_underlying=[model.nets_by_underlying for model in values],
        into_value=[model.pnl_into == "value" for model in values],
        weighted_pnl=[
            model.positive_pnl_weight.maintenance != 1.0
            or model.positive_pnl_weight.initial != 1.0
            or cap.maintenance is not None
            or cap.initial is not None
            or price.marks
            for model, cap, price in zip(values, caps, prices, strict=True)
        ],
        conservative_maintenance=[price.maintenance for price in prices],
        conservative_initial=[price.initial for price in prices],
        conservative_marks=[price.marks for price in prices],
        breach_at_equality=[model.breach_at_equality for model in values],
        scanned=[isinstance(model, PortfolioModel) for model in values],
        maintenance_weight=[model.positive_pnl_weight.maintenance for model in values],
        initial_weight=[model.positive_pnl_weight.initial for model in values],
        maintenance_cap=[np.inf if cap.maintenance is None else cap.maintenance for cap in caps],
        initial_cap=[np.inf if cap.initial is None else cap.initial for cap in caps],
        maintenance_credit=[model.long_option_credit.maintenance for model in values],
        initial_credit=[model.long_option_credit.initial for model in values],
        worst_side=[model.per_order is not None for model in values],
        maintenance_order=[0.0 if model.per_order is None else model.per_order.maintenance for model in values],
        initial_order=[0.0 if model.per_order is None else model.per_order.initial for model in values],
        maintenance_spread=[model.spread.maintenance for model in values],
        initial_spread=[model.spread.initial for model in values],
    )
    return found, np.stack([tier, plain]), np.array(list(weights), dtype=np.int32)
