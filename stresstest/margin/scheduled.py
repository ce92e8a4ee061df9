"""Whether what accounts hold has its schedules, under models that give some of their own.

Staging asks that of the snapshot's own columns; here the same is asked of what models make of them, which needs the book.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from stresstest.errors import SHOWN_KEYS, Fault, Reason, StressTestError
from stresstest.margin.rulebook import Model, Rulebook
from stresstest.margin.views import View, models_in_use, sees_otherwise, views_of
from stresstest.scenarios.selectors import Mask
from stresstest.snapshot.book import Book, Dimensions
from stresstest.snapshot.stage import load_block

_HINT = "Add an entry that it passes to models.{model}.{key}, or name a schedule in the snapshot."


@dataclass(frozen=True)
class _Held:
    """What accounts hold: bool[instruments], and of collateral bool[assets]."""

    instruments: Mask
    assets: Mask


def check_schedules(book: Book, rulebook: Rulebook, compared: Sequence[str] = ()) -> None:
    """Refuse what is held without a schedule that a model with schedules of its own needs.

    Under a model that has `assign`: every instrument of a kind that schedules charge, but spot, needs a margin schedule (nets that of the asset), and
    what is no option one with tiers or amounts. Under a model with `assign_collateral` or hedges without haircut: every asset that is
    posted, that P&L is paid in or that is the underlying of spot needs a collateral schedule, but for the reporting currency and those hedges.

    Args:
        book: the staged snapshot.
        rulebook: the margin file.
        compared: models that every account is looked at under besides its own.

    Raises:
        StressTestError: input data, with one fault for each model and thing that lacks.
    """
    models = {name: model for name, model in rulebook.models.items() if sees_otherwise(model)}
    used = models_in_use(book.dimensions)
    models = {name: model for name, model in models.items() if name in used or name in compared}
    if not models:
        return
    views = views_of(book.dimensions, rulebook, compared)
    held = _held(book, tuple(models), compared)
    options_alone = {name for name, each in rulebook.margin_schedules.items() if not each.tiers and each.amount_per_contract is None}
    files = {file.table: file.path for file in book.inputs}
    faults: list[Fault] = []
    for name, model in models.items():
        of_model = _OfModel(book.dimensions, model, views.views[views.of_model[name]], held[name])
        for table, key, what, hint, lacking in (*of_model.margin(options_alone), *of_model.collateral()):
            codes = np.flatnonzero(lacking)
            if len(codes):
                column = book.dimensions.instruments["instrument_id"] if table == "instruments" else book.dimensions.assets["asset"]
                kind = "margin_schedule" if key == "assign" else "collateral_schedule"
                faults.append(
                    Fault(
                        f"{what} (under model {name})",
                        hint or _HINT.format(model=name, key=key),
                        file=files.get(table),
                        table=table,
                        column=kind,
                        rule=f"{kind.replace('_', ' ')} of what is held",
                        rows=len(codes),
                        keys=tuple(column[code] for code in codes[:SHOWN_KEYS].tolist()),
                    )
                )
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "positions or collateral without a schedule", faults)


def _held(book: Book, models: Sequence[str], compared: Sequence[str]) -> dict[str, _Held]:
    """What the accounts of each model hold, or of a model that all are compared under everybody's."""
    dimensions = book.dimensions
    names = dimensions.accounts["margin_model"]
    under = {name: np.ones(len(names), np.bool_) if name in compared else (names == name).to_numpy() for name in models}
    held = {name: _Held(np.zeros(dimensions.instruments.height, np.bool_), np.zeros(dimensions.assets.height, np.bool_)) for name in models}
    for number in range(book.blocks):
        block = load_block(book, number)
        for name in models:
            pools = under[name][block.account]
            held[name].instruments[block.instrument[pools[block.position_pool]]] = True
            held[name].assets[block.asset[pools[block.collateral_pool]]] = True
    return held


Lacking = tuple[str, str, str, str, Mask]
"""Table, key of the model that may mend it, what is wrong, a hint of its own or none, and which rows."""


@dataclass(frozen=True)
class _OfModel:
    dimensions: Dimensions
    model: Model
    view: View
    held: _Held

    def margin(self, options_alone: set[str]) -> Iterator[Lacking]:
        """Instruments, and underlyings of nets, without a margin schedule that can charge them."""
        if not self.model.assign:
            return
        kind, underlying = self.dimensions.instruments["kind"].to_numpy(), self.dimensions.instruments["underlying_code"].to_numpy()
        without = np.array([name is None for name in self.view.margin], dtype=np.bool_)
        # Spot without a schedule is charged nothing, and takes part in no net.
        charged = self.held.instruments & np.isin(kind, list(self.model.scheduled_kinds)) & ~((kind == "spot") & without)
        netted = charged & (kind != "option") & self.model.nets_by_underlying
        yield "instruments", "assign", "held, without a margin schedule", "", charged & without & ~netted
        alone = np.array([name in options_alone for name in self.view.margin], dtype=np.bool_)
        what = "held, not an option, with a margin schedule that has a rule for short options only"
        hint = "Give the schedule `tiers` or `amount_per_contract`, or assign another one."
        yield "instruments", "assign", what, hint, charged & alone & (kind != "option") & ~netted
        nets = np.zeros(self.dimensions.assets.height, dtype=np.bool_)
        nets[underlying[netted]] = True
        what = "underlying of what accounts hold whose model nets by underlying, without a margin schedule"
        yield "assets", "assign", what, "", nets & np.array([name is None for name in self.view.net], dtype=np.bool_)

    def collateral(self) -> Iterator[Lacking]:
        """Assets without a collateral schedule that something counts in."""
        if not (self.model.assign_collateral or self.model.without_haircut):
            return
        instruments, assets = self.dimensions.instruments, self.dimensions.assets
        named = zip(assets["asset"], self.view.collateral, self.view.without_haircut, strict=True)
        lacking = np.array([name is None and not free and asset != self.dimensions.reporting_currency for asset, name, free in named], dtype=np.bool_)
        yield "assets", "assign_collateral", "held as collateral, without a collateral schedule", "", lacking & self.held.assets
        kind, spot = instruments["kind"].to_numpy(), np.zeros(assets.height, dtype=np.bool_)
        spot[instruments["underlying_code"].to_numpy()[self.held.instruments & (kind == "spot")]] = True
        yield "assets", "assign_collateral", "underlying of a held spot instrument, without a collateral schedule", "", lacking & spot
        paid = (kind == "spot") | ((kind == "option") & (instruments["premium_style"].to_numpy() == "paid"))
        settle = np.zeros(assets.height, dtype=np.bool_)
        settle[instruments["settle_code"].to_numpy()[self.held.instruments & ~paid & (self.model.pnl_into == "settle_balance")]] = True
        yield "assets", "assign_collateral", "receives P&L of held instruments, without a collateral schedule", "", lacking & settle
