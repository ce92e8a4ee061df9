"""Load the compiled kernels before there is anything to compute: a quarter of a second that a run spends while its snapshot is read."""

from __future__ import annotations

import numpy as np

from stresstest.margin.add_on_tables import no_add_ons
from stresstest.margin.compile import Compiled, ViewCodes
from stresstest.margin.kernels.lanes import aligned, make_lanes
from stresstest.margin.kernels.program import COLLATERAL_ROW, ORDER, POSITION, Holdings
from stresstest.margin.kernels.scan_tables import no_scans
from stresstest.margin.kernels.strategy_tables import STRATEGY, STRATEGY_LEG
from stresstest.margin.kernels.tables import ASSET, INSTRUMENT, MODEL, SCHEDULE, Tables
from stresstest.margin.kernels.totals import Accounts
from stresstest.stress.evaluation import evaluate_block
from stresstest.stress.holders import BlockHoldings, Holders


def warm_up() -> None:
    """Evaluate one account that holds nothing, at base: arrays of the types of a real block, so that the very same kernels are loaded."""
    one, none = np.zeros(1, np.int32), np.zeros(2, np.int64)
    nobody = np.zeros(1, np.bool_)
    lanes = make_lanes(nobody, nobody)
    tables = Tables(
        instruments=np.zeros(1, INSTRUMENT),
        schedules=np.zeros(1, SCHEDULE),
        pieces=np.zeros((1, 5)),
        assets=np.zeros(1, ASSET),
        bands=np.zeros((1, 3)),
        holding_row=np.zeros((1, 1), np.int32),
        models=np.zeros(1, MODEL),
        weights=np.zeros((2, 1, 2), np.int32),
        values=aligned(lanes.blocks, 1, lanes.width),
        span=np.zeros((1, 2)),
        weight_row=one,
        asset_plain=np.ones((lanes.blocks, 1), np.bool_),
        weight_unit=np.ones((lanes.blocks, 1), np.bool_),
        add_ons=no_add_ons(1),
        strategies=np.zeros(1, STRATEGY),
        strategy_legs=np.zeros(1, STRATEGY_LEG),
        scans=no_scans(1),
    )
    holdings = Holdings(none, np.zeros(0, POSITION), none, np.zeros(0, COLLATERAL_ROW), one, np.ones(1), np.zeros(0, ORDER))
    accounts = Accounts(np.arange(2), one, one, one, nobody, np.zeros(1), nobody)
    holders = Holders(one, one, one, np.ones(1), one, nobody, 0)
    evaluate_block(
        Compiled(tables, lanes, ("default",), (), (), ViewCodes(one, 1, 1), 1, 1, {}), holders, BlockHoldings(holdings, accounts, np.zeros(1), one)
    )
