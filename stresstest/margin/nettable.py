"""Whether the schedules that models netting by underlying would use can be applied to a net."""

from __future__ import annotations

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.margin.views import Views, models_in_use
from stresstest.snapshot.book import Dimensions


def check_nettable(dimensions: Dimensions, rulebook: Rulebook, views: Views) -> None:
    """A net of several instruments has a notional but no number of contracts: its schedule must be tiers by value.

    Raises:
        StressTestError: margin file, with one fault per schedule, where a model in use nets by underlying and an asset names a schedule
            by contracts, with an amount per contract, or whose rates follow the size of a position or open interest.
    """
    netting = {name for name, model in rulebook.models.items() if model.nets_by_underlying}
    used = sorted(netting & models_in_use(dimensions))
    if not used:
        return
    assets: dict[str, dict[str, None]] = {}
    for net in (views.views[number].net for number in sorted({views.of_model[model] for model in used})):
        for asset, name in zip(dimensions.assets["asset"], net, strict=True):
            if name is None:
                continue
            schedule = rulebook.margin_schedules[name]
            scaled = schedule.size_scaling is not None or schedule.open_interest_scaling is not None
            if schedule.basis == "contracts" or not schedule.tiers or scaled:
                assets.setdefault(name, {})[asset] = None
    faults = []
    for schedule_name, found in assets.items():
        what = f"use this schedule for {', '.join([*found][:5])}, but it is not made of tiers by value alone"
        faults.append(
            Fault(
                f"models that net by underlying ({', '.join(used)}) {what}",
                "Give the assets a schedule with `basis: value`, tiers and no scaling, or let the models net by instrument.",
                path=f"margin_schedules.{schedule_name}",
            )
        )
    if faults:
        raise StressTestError(Reason.MARGIN_FILE, "the margin file cannot be applied to this book", faults)
