"""How models see a book: which schedule each instrument and asset has under them, and what counts without haircut."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from stresstest.margin.rulebook import Assign, AssignCollateral, Model, Rulebook, is_of_preset
from stresstest.scenarios.names import MarginNames
from stresstest.scenarios.prices import in_reporting_currency
from stresstest.scenarios.selectors import Mask, Universe
from stresstest.snapshot.book import Dimensions

Names = tuple[str | None, ...]
"""Names of schedules by code, None = no schedule."""


@dataclass(frozen=True)
class View:
    """A book under one or several models.

    `margin` [instruments]: margin schedules. `net` [assets]: those that charge nets of an underlying. `collateral` [assets]: collateral
    schedules. `without_haircut` [assets]: counts without haircut, because it moves in the grid of a portfolio model instead.
    """

    margin: Names
    net: Names
    collateral: Names
    without_haircut: tuple[bool, ...]


@dataclass(frozen=True)
class Views:
    """The distinct views of a book under the models asked about; the first is that of the snapshot's own columns.

    `of_model` gives every model of the margin file, in file order, its place among the `views`; models not asked about have the first.
    """

    views: tuple[View, ...]
    of_model: dict[str, int]

    def of_accounts(self, dimensions: Dimensions) -> npt.NDArray[np.int32]:
        """The view of every account, by account code."""
        return np.array([self.of_model[name] for name in dimensions.accounts["margin_model"]], dtype=np.int32)

    def haircuts(self, dimensions: Dimensions) -> list[list[str]]:
        """Per asset the distinct collateral schedules whose haircuts it takes under models that accounts have, those of the first views first."""
        used = sorted({self.of_model[name] for name in models_in_use(dimensions)})
        found: list[dict[str, None]] = [{} for _ in range(dimensions.assets.height)]
        for view in (self.views[number] for number in used):
            for names, schedule, free in zip(found, view.collateral, view.without_haircut, strict=True):
                if schedule is not None and not free:
                    names[schedule] = None
        return [list(names) for names in found]


@dataclass(frozen=True)
class Unmatched:
    """An entry of `assign` or `assign_collateral` (`place`, counted from 1) that gives nothing in a book its schedule.

    `of_preset`: the schedule is one of a preset's, whose entries are written for any book.
    """

    model: str
    place: str
    schedule: str
    message: str
    of_preset: bool


def models_in_use(dimensions: Dimensions) -> frozenset[str]:
    """Names of the margin models that accounts have."""
    return frozenset(dimensions.accounts["margin_model"].unique())


def views_of(dimensions: Dimensions, rulebook: Rulebook, besides: Iterable[str] = ()) -> Views:
    """The views of a book under the models of a margin file: of those that accounts have, and of others named `besides`.

    Under a model, the first entry of `assign` whose `where` an instrument passes names its margin schedule; without one the snapshot does.
    The net of an underlying is charged by the schedule of the asset: that of the first entry which the asset passes and which asks for
    nothing that only instruments have. The first entry of `assign_collateral` that an asset passes names its collateral schedule.
    Filters are those of shocks; days to expiry and moneyness are those at base.
    """
    universe = _Universe(dimensions)
    views = [universe.own]
    of_model = dict.fromkeys(rulebook.models, 0)
    used = {*models_in_use(dimensions), *besides}
    for name, model in rulebook.models.items():
        if name in used and sees_otherwise(model):
            view = universe.under(model)
            if view not in views:
                views.append(view)
            of_model[name] = views.index(view)
    return Views(tuple(views), of_model)


def sees_otherwise(model: Model) -> bool:
    """Whether a model may see other terms than those of the snapshot's columns."""
    return bool(model.assign or model.assign_collateral or model.without_haircut)


def unmatched_entries(dimensions: Dimensions, rulebook: Rulebook) -> Iterator[Unmatched]:
    """The entries that give nothing its schedule, of the models that accounts have; in file order."""
    universe = _Universe(dimensions)
    used = models_in_use(dimensions)
    for name, model in rulebook.models.items():
        if name not in used:
            continue
        of_margin = zip(universe.taken_instruments(model.assign), universe.taken_underlyings(model.assign), strict=True)
        for number, (entry, masks) in enumerate(zip(model.assign, of_margin, strict=True), start=1):
            taken = masks[0].any() or (model.nets_by_underlying and masks[1].any())
            if not taken:
                yield _unmatched(name, f"assign {number}", "instrument", entry.margin_schedule)
        for number, (other, mask) in enumerate(zip(model.assign_collateral, universe.taken_assets(model.assign_collateral), strict=True), start=1):
            if not mask.any():
                yield _unmatched(name, f"assign_collateral {number}", "asset", other.collateral_schedule)


def _unmatched(model: str, place: str, what: str, schedule: str) -> Unmatched:
    message = f"gives no {what} of this book the schedule {schedule}: none passes it, or earlier entries take them all."
    return Unmatched(model, place, schedule, message, is_of_preset(schedule))


class _Universe:
    """A book's own terms, and what entries select in it."""

    def __init__(self, dimensions: Dimensions) -> None:
        self.dimensions = dimensions

    @cached_property
    def universe(self) -> Universe:
        """Instruments and assets, as filters see them."""
        price = self.dimensions.assets["price"].to_numpy()
        return Universe(self.dimensions, MarginNames(), in_reporting_currency(self.dimensions, price[:, None])[:, 0])

    @cached_property
    def own(self) -> View:
        """The book as the snapshot's columns have it."""
        instruments, assets = self.dimensions.instruments, self.dimensions.assets
        return View(
            tuple(instruments["margin_schedule"]), tuple(assets["margin_schedule"]), tuple(assets["collateral_schedule"]), (False,) * assets.height
        )

    def under(self, model: Model) -> View:
        """The book under a model."""
        own, schedules = self.own, [entry.margin_schedule for entry in model.assign]
        of_assets = [entry.collateral_schedule for entry in model.assign_collateral]
        return View(
            _given(own.margin, schedules, self.taken_instruments(model.assign)),
            _given(own.net, schedules, self.taken_underlyings(model.assign)),
            _given(own.collateral, of_assets, self.taken_assets(model.assign_collateral)),
            tuple(asset in model.without_haircut for asset in self.dimensions.assets["asset"]),
        )

    def taken_instruments(self, entries: Sequence[Assign]) -> list[Mask]:
        """For each entry, the instruments that pass it and none before it."""
        return _firsts([self.universe.instruments_passing(entry.where) for entry in entries])

    def taken_underlyings(self, entries: Sequence[Assign]) -> list[Mask]:
        """The same of the assets whose nets an entry speaks of."""
        return _firsts([self.universe.assets_passing(entry.where) & entry.of_underlyings for entry in entries])

    def taken_assets(self, entries: Sequence[AssignCollateral]) -> list[Mask]:
        """The same of collateral."""
        return _firsts([self.universe.assets_passing(entry.where) for entry in entries])


def _firsts(masks: Sequence[Mask]) -> list[Mask]:
    """Each mask without what an earlier one has taken."""
    found: list[Mask] = []
    taken: Mask | None = None
    for mask in masks:
        found.append(mask if taken is None else mask & ~taken)
        taken = mask if taken is None else mask | taken
    return found


def _given(own: Names, schedules: Sequence[str], masks: Sequence[Mask]) -> Names:
    names = list(own)
    for schedule, mask in zip(schedules, masks, strict=True):
        for code in np.flatnonzero(mask).tolist():
            names[code] = schedule
    return tuple(names)
