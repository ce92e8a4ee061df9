"""Who pays what accounts are below zero at the end of a cascade: the layers of the waterfall in every scenario, payers in some."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.config import USUAL_WATERFALL, RunFile
from stresstest.results.store import polars_schema
from stresstest.runs.cascade.closely import Gains
from stresstest.runs.writing import Valued
from stresstest.stress.cascade.losses.allocation import gains_haircut
from stresstest.stress.cascade.losses.deleveraging import Deleveraged, Rule, closed_by_defaulters, deleverage, standing_positions, units_of_contract
from stresstest.stress.cascade.losses.owners import OwnersInDebt
from stresstest.stress.cascade.losses.waterfall import ADL_QUEUE, GAINS_HAIRCUT, PRO_RATA, ROUNDING, Behind, Payer, Waterfall, waterfall
from stresstest.stress.cascade.outcome import Outcome
from stresstest.stress.cascade.states import State, at_prices
from stresstest.stress.cascade.tabled import Scenarios
from stresstest.tables import WATERFALL, WATERFALL_PAYERS, Table

Floats = npt.NDArray[np.float64]
Longs = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Row = dict[str, Any]

RULES: tuple[Rule, ...] = ("adl_queue", "pro_rata")


@dataclass(frozen=True)
class Paying:
    """The losses of all scenarios and what stands behind them.

    `outcome`, `owing`: of all scenarios. `logged`, `gains`: of those that are looked at closely, or of no use without any; payers are named in these,
    and positions can be closed in these alone.
    """

    settings: RunFile
    valued: Valued
    names: Scenarios
    outcome: Outcome
    owing: OwnersInDebt
    logged: Outcome | None
    gains: Gains

    def tables(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The tables `waterfall` and `waterfall_payers`."""
        layers: list[Row] = []
        payers: list[Row] = []
        owners = self.valued.book.dimensions.owners["owner_id"]
        for place in np.flatnonzero(self.outcome.loss_final > ROUNDING).tolist():
            name = self.names.ids[int(self.outcome.scenarios[place])]
            found, rules = self._scenario(place)
            layers += [{"scenario_id": name, "ord": number, **layer._asdict()} for number, layer in enumerate(found.layers, 1)]
            if rules is not None:
                payers += [
                    {"scenario_id": name, "method": "layer", "layer": each.layer, "owner_id": owners[each.owner], "amount": each.amount}
                    for each in found.payers
                ]
                payers += [{"scenario_id": name, **row} for row in rules]
        return _table(layers, WATERFALL), _table(payers, WATERFALL_PAYERS)

    def _scenario(self, place: int) -> tuple[Waterfall, list[Row] | None]:
        """The waterfall of a scenario, and, where it is looked at closely, what each rule makes of the loss behind all funds."""
        book, order = self.valued.book, self.settings.waterfall or USUAL_WATERFALL
        owners, stated = book.dimensions.owners, self.settings.resources
        contribution = owners["default_fund_contribution"].to_numpy().astype(np.float64)
        cap = owners["assessment_cap"].to_numpy().astype(np.float64)
        behind = Behind(
            stated.insurance_fund + float(self.outcome.fees_to_insurance[place]),
            stated.skin_in_the_game,
            book.default_fund if stated.default_fund is None else stated.default_fund,
            book.assessments,
        )
        close = np.flatnonzero(self.gains.scenarios == self.outcome.scenarios[place])
        if not len(close):
            return waterfall(order, self.owing.losses(place, contribution, cap), behind), None
        at = int(close[0])
        owner = book.dimensions.accounts["owner_code"].to_numpy().astype(np.int64)
        losses = self.owing.losses(place, contribution, cap, self.gains.gained[:, at], owner)
        # What is behind the funds does not depend on the rule by which it is shared out: that rule is the last layer.
        funds = waterfall([layer for layer in order if layer not in (GAINS_HAIRCUT, *RULES)], losses, behind)
        residual = funds.residual
        # Whose other accounts or netting group pay for it leave nothing for which positions of others could be closed.
        owing = (self.gains.below[:, at] > 0.0) & (funds.left[owner] > 0.0) | (self.gains.isolated_below[:, at] > 0.0)
        closed = self._deleveraged(residual, owing, at) if residual > 0.0 else {}
        resort = {ADL_QUEUE: 0.0, PRO_RATA: 0.0} | {rule: float(found.amount.sum()) for rule, found in closed.items()}
        found = waterfall(order, losses, behind, resort.get(order[-1]))
        if order[-1] in closed:
            found = replace(found, payers=(*found.payers, *_payers(order[-1], closed[order[-1]], owner)))
        rules = [*self._haircut(residual, losses.gains), *(row for rule in closed for row in self._rows(rule, closed[rule]))]
        return found, rules

    def _haircut(self, loss: float, gains: Floats) -> Iterator[Row]:
        _, pays = gains_haircut(loss, gains)
        accounts = self.valued.book.dimensions.accounts
        for code in np.flatnonzero(pays > 0.0).tolist():
            yield {
                "method": GAINS_HAIRCUT,
                "owner_id": accounts["owner_id"][code],
                "account_id": accounts["account_id"][code],
                "amount": float(pays[code]),
            }

    def _rows(self, rule: Rule, found: Deleveraged) -> Iterator[Row]:
        dimensions = self.valued.book.dimensions
        for account, asset, quantity, score, amount in zip(*found, strict=True):
            yield {
                "method": rule,
                "owner_id": dimensions.accounts["owner_id"][int(account)],
                "account_id": dimensions.accounts["account_id"][int(account)],
                "asset": dimensions.assets["asset"][int(asset)],
                "quantity_closed": float(quantity),
                "score": float(score) if rule == "adl_queue" and np.isfinite(score) else None,
                "amount": float(amount),
            }

    def _deleveraged(self, loss: float, owing: Flags, at: int) -> dict[Rule, Deleveraged]:
        """Positions that would be closed under both rules for a loss that accounts (bool[accounts]) leave."""
        assert self.logged is not None
        book, scenario = self.valued.book, int(self.gains.scenarios[at])
        dimensions = book.dimensions
        before = State(self.valued.resolved.take([0, scenario]), self.valued.units.take([0, scenario]))
        prices = np.stack([before.resolved.spot[:, 0], self.logged.prices_final[:, at]], axis=1)
        end = at_prices(before, dimensions, prices, np.array([1]))
        value = np.ascontiguousarray(end.resolved.value[:, 1])
        at_the_end = end.units.take([1])
        log = self.logged.log.filter(pl.col("scenario") == scenario)
        pool_account = dimensions.pools["account_code"].to_numpy().astype(np.int64)
        closed = closed_by_defaulters(log, owing, pool_account, units_of_contract(dimensions, at_the_end, value))
        standing = standing_positions(book, at_the_end, value, self.gains.liquidated[:, at], self.gains.equity[:, at])
        return {rule: deleverage(loss, closed, standing, rule) for rule in RULES}


def _payers(layer: Rule, closed: Deleveraged, owner: Longs) -> list[Payer]:
    """What owners pay by positions that are closed, once each."""
    paid = np.bincount(owner[closed.account], weights=closed.amount)
    return [Payer(layer, code, float(paid[code])) for code in np.flatnonzero(paid).tolist()]


def _table(rows: Sequence[Row], table: Table) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=polars_schema(table))
