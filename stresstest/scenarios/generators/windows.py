"""Historical replay: the moves that factors made over windows of their history, as scenarios."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from stresstest.documents import Problem
from stresstest.scenarios.generators.history import Days, Floats, History, Return, day, day_number, kinds_of, moved, shift_of, size_of
from stresstest.scenarios.generators.of_history import Historical, Windows
from stresstest.scenarios.scenario_set import SHOCKS, Scenario

_LISTED = 6
"""Factors without history that a scenario names; of more it says how many."""


@dataclass(frozen=True)
class _Spans:
    """Windows by their first and last day; `ids` and `names` say which they are."""

    first: Days
    last: Days
    ids: list[str]
    names: list[str]


def replayed(generator: Historical, history: History, factors: tuple[str, ...]) -> tuple[list[Scenario], pl.DataFrame, list[Problem]]:
    """The scenarios of a historical generator, their shocks (columns `SHOCKS`), and what is wrong with it.

    The move of a factor over a window is that between its last values at or before the window's two ends. One that has none there, or none young
    enough, moves as its proxy says, in the way that the proxy's moves are measured; without a proxy it is left as it is, and the scenario's source
    says so. Factors that do not move have no shock.

    Args:
        generator: what is asked.
        history: the values.
        factors: the factors wanted: those of the history that the generator names, then those that only have a proxy.
    """
    own = [name for name in factors if name in history.factors]
    spans, problems = _spans(generator, history.only(own))
    for name, other in generator.proxies.items():
        if other.factor not in history.factors:
            problems.append(Problem(("proxies", name, "factor"), f"`{other.factor}` has no history", "Name a factor that the history table has."))
    if problems:
        return [], pl.DataFrame(schema=SHOCKS), problems
    needed = list(dict.fromkeys([*own, *(generator.proxies[name].factor for name in factors if name in generator.proxies)]))
    kinds = dict(zip(needed, kinds_of(history, needed, generator.returns, "relative"), strict=True))
    moves = {name: _moves(history, name, kinds[name], spans, generator.max_gap_days) for name in needed}
    sizes, shifts, proxied, missing = [], [], [], []
    nothing = np.full(len(spans.first), np.nan)
    for name in factors:
        proxy = generator.proxies.get(name)
        found = size_of(moves[name], kinds[name]) if name in own else nothing
        shift = np.full(len(found), shift_of(kinds[name]) if name in own else "relative", dtype=np.object_)
        stands_in = np.zeros(len(found), dtype=np.bool_)
        if proxy is not None:
            measured = kinds[proxy.factor]
            stands_in = np.isnan(found) & ~np.isnan(moves[proxy.factor])
            found = np.where(stands_in, size_of(proxy.beta * moves[proxy.factor], measured), found)
            shift[stands_in] = shift_of(measured)
        sizes.append(found)
        shifts.append(shift)
        proxied.append(stands_in)
        missing.append(np.isnan(found))
    return (*_written(generator, spans, factors, np.array(sizes), np.array(shifts), np.array(proxied), np.array(missing)), [])


def _spans(generator: Historical, history: History) -> tuple[_Spans, list[Problem]]:
    windows = generator.windows
    if not isinstance(windows, Windows):
        first, last = ([day_number(each.start) for each in windows], [day_number(each.stop) for each in windows])
        names = [each.name or f"{each.start} to {each.stop}" for each in windows]
        twice = sorted({each.id for each in windows if sum(other.id == each.id for other in windows) > 1})
        problems = [Problem(("windows",), f"the window `{name}` stands twice", "Give each window an id of its own.") for name in twice]
        return _Spans(np.array(first, dtype=np.int64), np.array(last, dtype=np.int64), [each.id for each in windows], names), problems
    seen = history.days[~np.isnan(history.values).all(axis=1)]
    if not len(seen):
        return _Spans(seen, seen, [], []), [Problem(("factors",), "the history has no value of these factors", "Give the snapshot a history table.")]
    start = seen[0] + windows.horizon_days
    if windows.start is not None:
        start = max(start, day_number(windows.start))
    stop = seen[-1] if windows.stop is None else min(int(seen[-1]), day_number(windows.stop))
    last = seen[(seen >= start) & (seen <= stop)]
    if not len(last):
        what = f"the history, from {day(int(seen[0]))} to {day(int(seen[-1]))}, has no such window"
        return _Spans(last, last, [], []), [Problem(("windows",), what, "Choose dates inside it, or a shorter horizon.")]
    dates = [str(day(int(number))) for number in last]
    return _Spans(last - windows.horizon_days, last, dates, dates), []


def _moves(history: History, name: str, kind: Return, spans: _Spans, max_gap: int) -> Floats:
    """The moves of a factor over all windows, NaN where it has no value young enough at an end."""
    values = history.values[:, history.factors.index(name)]
    there = ~np.isnan(values)
    days, values = history.days[there], values[there]
    ends = []
    for wanted in (spans.first, spans.last):
        place = np.searchsorted(days, wanted, side="right") - 1
        known = place >= 0
        known[known] &= wanted[known] - days[place[known]] <= max_gap
        ends.append(np.where(known, values[np.maximum(place, 0)] if len(values) else np.nan, np.nan))
    return moved(ends[0], ends[1], kind)


def _written(
    generator: Historical,
    spans: _Spans,
    factors: tuple[str, ...],
    sizes: Floats,
    shifts: npt.NDArray[np.object_],
    proxied: npt.NDArray[np.bool_],
    missing: npt.NDArray[np.bool_],
) -> tuple[list[Scenario], pl.DataFrame]:
    """Windows as scenarios; `sizes`, `shifts`, `proxied` and `missing` are [factors, windows]."""
    moving = ~missing & (sizes != 0.0)
    count = moving.sum(axis=0)
    last = np.cumsum(count)
    name = generator.name or generator.id
    scenarios = [
        Scenario(
            f"{generator.id}.{spans.ids[number]}",
            f"{name}: {spans.names[number]}",
            generator.family,
            generator.headline,
            float(spans.last[number] - spans.first[number]),
            generator.decay,
            _source(generator, spans, number, factors, proxied[:, number], missing[:, number]),
            first=int(last[number] - count[number]),
            last=int(last[number]),
        )
        for number in range(len(spans.ids))
    ]
    scenario, factor = np.nonzero(moving.T)
    shocks = pl.DataFrame(
        {
            "scenario": pl.Series(scenario, dtype=pl.Int32),
            "factor": pl.Series(np.array(factors, dtype=np.object_)[factor].tolist(), dtype=pl.String).cast(SHOCKS["factor"]),
            "shift": pl.Series(shifts[factor, scenario].tolist(), dtype=pl.String).cast(SHOCKS["shift"]),
            "value": sizes[factor, scenario],
        }
    )
    return scenarios, as_shocks(shocks)


def as_shocks(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with scenario, factor, shift and value as a whole shock table (columns `SHOCKS`)."""
    plain: dict[str, object] = {"annualised": False, "mode": "compound"}
    given = (pl.col(name) if name in rows.columns else pl.lit(plain.get(name)).alias(name) for name in SHOCKS)
    return rows.select(given).cast(SHOCKS)  # type: ignore[arg-type]  # the stub wants its own subclass of dict


def _source(
    generator: Historical, spans: _Spans, number: int, factors: tuple[str, ...], proxied: npt.NDArray[np.bool_], missing: npt.NDArray[np.bool_]
) -> str:
    text = f"history, close of {day(int(spans.first[number]))} to close of {day(int(spans.last[number]))}"
    stands = [
        f"{factors[place]} as {generator.proxies[factors[place]].beta:g} x {generator.proxies[factors[place]].factor}"
        for place in np.flatnonzero(proxied)
    ]
    text += f"; {_some(stands)}" if stands else ""
    left = [factors[place] for place in np.flatnonzero(missing)]
    return text + (f"; no history then, so left as it is: {_some(left)}" if left else "")


def _some(names: list[str]) -> str:
    more = len(names) - _LISTED
    return ", ".join(names) if more <= 0 else f"{', '.join(names[:_LISTED])} and {more} more"
