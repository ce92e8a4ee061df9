"""First match per shift type, and the composition of shifts, for all factors of a type and all scenarios at once.

Factors that the same selectors mean, with the same sizes, move alike: they form a group, and everything is computed
once per group. A set of a thousand scenarios has a few groups (or one per asset where each is named).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from stresstest.scenarios.factors import SHIFTS

Floats = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]

_CHUNK = 1 << 22  # expanded shocks held at once: 64 MB
_NEUTRAL = {"relative": 0.0, "absolute": 0.0, "scale": 1.0, "replace": np.nan}


@dataclass(frozen=True)
class Reach:
    """The elements (ascending) that a selector means, and what a shift's size is multiplied by for each (None: 1)."""

    elements: Places
    sizes: Floats | None = None


@dataclass(frozen=True)
class Shifts:
    """Shocks of one factor type in file order: selector (a place in a list of reaches), scenario, shift type (a place in `SHIFTS`), value.

    `share`: how far each `replace` goes, 1 = all the way; None where all do.
    """

    selector: Places
    scenario: Places
    shift: npt.NDArray[np.int8]
    value: Floats
    share: Floats | None = None


@dataclass(frozen=True)
class Moves:
    """x' = scale * x + shift per group and scenario; `group` says of each element which group it is in.

    Element e moves by `scale[group[e]]` and `shift[group[e]]`, f64[S] each. `touched`: elements that any selector means.
    """

    group: Places
    scale: Floats
    shift: Floats
    touched: npt.NDArray[np.bool_]

    def of_base(self, base: Floats) -> Floats:
        """Stressed values f64[elements, S] of base values f64[elements] or f64[elements, S]."""
        column = base[:, None] if base.ndim == 1 else base
        moved: Floats = column * self.scale[self.group] + self.shift[self.group]
        return moved


def compose(elements: int, scenarios: int, reaches: list[Reach], shifts: Shifts) -> Moves:
    """The moves of all elements of a type.

    Per element, scenario and shift type the first shock counts; then relative x(1+v), absolute x+v, scale x*v, replace v,
    of which a `share` goes from the base value x0, not from what the others made of it: x0 + share*(v - x0).
    """
    group, first = _grouped(elements, reaches)
    members = [_members(reach, group, first) for reach in reaches]
    scale, shift = np.ones((len(first), scenarios)), np.zeros((len(first), scenarios))
    for number, name in enumerate(SHIFTS):
        rows = np.flatnonzero(shifts.shift == number)
        if not len(rows):
            continue
        size = _first_matches(len(first), scenarios, members, shifts.selector[rows], shifts.scenario[rows], shifts.value[rows], _NEUTRAL[name])
        if name == "relative":
            scale *= 1.0 + size
        elif name == "absolute":
            shift += size
        elif name == "scale":
            scale *= size
            shift *= size
        else:
            replaced = ~np.isnan(size)
            share = 1.0 if shifts.share is None else _shares(len(first), scenarios, members, shifts, rows)[replaced]
            scale[replaced] = 1.0 - share
            shift[replaced] = share * size[replaced]
    touched = np.zeros(elements, dtype=np.bool_)
    for reach in reaches:
        touched[reach.elements] = True
    return Moves(group, scale, shift, touched)


def _shares(groups: int, scenarios: int, members: list[Reach], shifts: Shifts, rows: Places) -> Floats:
    """How far the `replace` goes that counts, per group and scenario."""
    assert shifts.share is not None
    plain = [Reach(reach.elements) for reach in members]
    return _first_matches(groups, scenarios, plain, shifts.selector[rows], shifts.scenario[rows], shifts.share[rows], neutral=1.0)


@dataclass(frozen=True)
class Firsts:
    """Which shock moves what.

    `first[shift]` i64[groups, S], by place in `SHIFTS`: the shock that counts, as its place among the shocks given; -1 where there
    is none. `last[shift]`: the one that would count if file order were turned round. `group` as in `Moves`; `members`: the groups of
    every reach.
    """

    group: Places
    members: list[Places]
    first: dict[int, Places]
    last: dict[int, Places]


def first_shocks(elements: int, scenarios: int, reaches: list[Reach], shifts: Shifts) -> Firsts:
    """The shocks that count, by the same first match as `compose`."""
    # Sizes do not decide who comes first; without them there are fewer groups.
    plain = [Reach(reach.elements) for reach in reaches]
    group, start = _grouped(elements, plain)
    members = [_members(reach, group, start) for reach in plain]
    first: dict[int, Places] = {}
    last: dict[int, Places] = {}
    for number in range(len(SHIFTS)):
        rows = np.flatnonzero(shifts.shift == number)
        for found, order in ((first, rows), (last, rows[::-1])) if len(rows) else ():
            places = _first_matches(
                len(start), scenarios, members, shifts.selector[order], shifts.scenario[order], order.astype(np.float64), neutral=-1.0
            )
            found[number] = places.astype(np.int64)
    return Firsts(group, [reach.elements for reach in members], first, last)


def _grouped(elements: int, reaches: list[Reach]) -> tuple[Places, Places]:
    """The group of each element, and the first element of each group."""
    group = np.zeros(elements, dtype=np.int64)
    alone = np.zeros(elements, dtype=np.int64)
    groups = min(elements, 1)
    for reach in reaches:
        if len(reach.elements) == 1:
            alone[reach.elements] = 1
        elif groups < elements:
            mark = np.zeros(elements, dtype=np.int64)
            mark[reach.elements] = 1 if reach.sizes is None else 1 + np.unique(reach.sizes, return_inverse=True)[1]
            group = np.unique(group * (mark.max(initial=0) + 1) + mark, return_inverse=True)[1]
            groups = int(group.max(initial=-1)) + 1
    # An element that is named alone is a group of its own, whatever else means it.
    own = np.where(alone == 1, np.arange(1, elements + 1), 0)
    first, group = np.unique(group * (elements + 1) + own, return_index=True, return_inverse=True)[1:]
    return group.astype(np.int64), first.astype(np.int64)


def _members(reach: Reach, group: Places, first: Places) -> Reach:
    """The reach in groups."""
    groups = np.unique(group[reach.elements])
    if reach.sizes is None:
        return Reach(groups)
    return Reach(groups, reach.sizes[np.searchsorted(reach.elements, first[groups])])


def _first_matches(groups: int, scenarios: int, members: list[Reach], selector: Places, scenario: Places, value: Floats, neutral: float) -> Floats:
    """Size of the first shock per group and scenario; `neutral` where there is none."""
    # Written from the last shock to the first: of several to one place, the first in the file is written last and stays.
    result = np.full(groups * scenarios, neutral)
    lengths = np.array([len(reach.elements) for reach in members], dtype=np.int64)
    starts = np.cumsum(lengths) - lengths
    flat = np.concatenate([reach.elements for reach in members])
    sizes = np.concatenate([np.ones(len(reach.elements)) if reach.sizes is None else reach.sizes for reach in members])
    counts = lengths[selector]
    if (counts == 1).all():
        member = starts[selector]
        result[(flat[member] * scenarios + scenario)[::-1]] = (value * sizes[member])[::-1]
        return result.reshape(groups, scenarios)
    ends = np.cumsum(counts)
    stop = len(selector)
    while stop > 0:
        start = min(int(np.searchsorted(ends, ends[stop - 1] - _CHUNK, side="right")), stop - 1)
        count = counts[start:stop]
        row = np.repeat(np.arange(start, stop), count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        member = starts[selector[row]] + within
        place = flat[member] * scenarios + scenario[row]
        result[place[::-1]] = (value[row] * sizes[member])[::-1]
        stop = start
    return result.reshape(groups, scenarios)
