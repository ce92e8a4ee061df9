"""Whether a book says what rates and weights are to follow: sizes of markets, open interest, the venue's pools."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import polars as pl

from stresstest.errors import SHOWN_KEYS, Fault, Reason, StressTestError
from stresstest.margin.rulebook import CollateralSchedule, MarginSchedule, Rulebook
from stresstest.margin.views import Names, Views, models_in_use
from stresstest.snapshot.book import Dimensions


def check_scalable(dimensions: Dimensions, rulebook: Rulebook, views: Views) -> None:
    """Refuse books in which a schedule follows a figure that the snapshot does not state.

    Args:
        dimensions: of the book.
        rulebook: the margin file.
        views: how models see the book; those of its accounts count.

    Raises:
        StressTestError: input data, one fault for each schedule and column.
    """
    used = [views.views[number] for number in sorted({views.of_model[name] for name in models_in_use(dimensions)})]
    margin, collateral = [view.margin for view in used], [view.collateral for view in used]
    faults = [
        *_missing("instruments", dimensions.instruments, "instrument_id", margin, _market_columns(rulebook.margin_schedules), "margin_schedules"),
        *_missing("assets", dimensions.assets, "asset", collateral, _pool_columns(rulebook.collateral_schedules), "collateral_schedules"),
    ]
    if faults:
        raise StressTestError(Reason.INPUT_DATA, "the snapshot does not say what schedules follow", faults)


def _market_columns(schedules: Mapping[str, MarginSchedule]) -> dict[str, list[str]]:
    return {
        "skew_scale": [name for name, each in schedules.items() if each.size_scaling is not None and each.size_scaling.growth == "skew"],
        "open_interest": [name for name, each in schedules.items() if each.open_interest_scaling is not None],
    }


def _pool_columns(schedules: Mapping[str, CollateralSchedule]) -> dict[str, list[str]]:
    pools = {name: each.concentration for name, each in schedules.items() if each.concentration is not None}
    return {
        "pool_deposits": [name for name, each in pools.items() if each.deposits_above.maintenance or each.deposits_above.initial],
        "pool_borrows": [name for name, each in pools.items() if each.borrows_above.maintenance or each.borrows_above.initial],
    }


def _missing(table: str, frame: pl.DataFrame, key: str, given: Sequence[Names], columns: Mapping[str, list[str]], path: str) -> Iterator[Fault]:
    for column, schedules in columns.items():
        null = frame[column].is_null().to_list()
        for schedule in schedules:
            rows = sorted({code for names in given for code, name in enumerate(names) if name == schedule and null[code]})
            if rows:
                yield Fault(
                    f"{column} is null, which schedule {schedule} follows",
                    f"State {column}, or name a schedule without it in {path} of the margin file.",
                    table=table,
                    column=column,
                    rule=f"{column} where a schedule follows it",
                    rows=len(rows),
                    keys=tuple(frame[key][code] for code in rows[:SHOWN_KEYS]),
                )
