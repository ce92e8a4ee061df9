"""Whether the schedules that models netting by underlying would use can be applied to a net."""

from __future__ import annotations

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.margin.rulebook import Rulebook
from stresstest.snapshot.book import Dimensions


def check_nettable(dimensions: Dimensions, rulebook: Rulebook) -> None:
    """A net of several instruments has a notional but no number of contracts: its schedule must be tiers by value.

    Raises:
        StressTestError: margin file, with one fault per schedule, where a model in use nets by underlying and an asset names a schedule
            by contracts or with an amount per contract.
    """
    netting = {name for name, model in rulebook.models.items() if model.nets_by_underlying}
    used = sorted(netting & set(dimensions.accounts["margin_model"].unique()))
    if not used:
        return
    assets: dict[str, list[str]] = {}
    for asset, name in dimensions.assets.select("asset", "margin_schedule").drop_nulls().iter_rows():
        schedule = rulebook.margin_schedules[name]
        if schedule.basis == "contracts" or not schedule.tiers:
            assets.setdefault(name, []).append(asset)
    faults = [
        Fault(
            f"models that net by underlying ({', '.join(used)}) use this schedule for {', '.join(names[:5])}, but it is not made of tiers by value",
            "Give the assets a schedule with `basis: value` and tiers, or let the models net by instrument.",
            path=f"margin_schedules.{schedule}",
        )
        for schedule, names in assets.items()
    ]
    if faults:
        raise StressTestError(Reason.MARGIN_FILE, "the margin file cannot be applied to this book", faults)
