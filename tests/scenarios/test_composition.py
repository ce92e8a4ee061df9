"""First match and composition, as laws against a calculation shock by shock."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.scenarios.composition import Reach, Shifts, compose
from stresstest.scenarios.factors import SHIFTS

ELEMENTS, SCENARIOS = 6, 3


@st.composite
def reaches(draw: st.DrawFn) -> list[Reach]:
    found = []
    for _ in range(draw(st.integers(1, 6))):
        elements = np.array(sorted(draw(st.sets(st.integers(0, ELEMENTS - 1)))), dtype=np.int64)
        sizes = [draw(st.sampled_from([0.5, 1.0, 2.0])) for _ in elements]
        found.append(Reach(elements, np.array(sizes) if draw(st.booleans()) else None))
    return found


@st.composite
def cases(draw: st.DrawFn) -> tuple[list[Reach], Shifts]:
    made = draw(reaches())
    value = st.sampled_from([-0.5, 0.0, 0.25, 1.0, 3.0])
    shock = st.tuples(st.integers(0, SCENARIOS - 1), st.integers(0, len(made) - 1), st.integers(0, 3), value)
    rows = draw(st.lists(shock, max_size=20))
    rows.sort(key=lambda row: row[0])
    columns = list(zip(*rows, strict=True)) if rows else [(), (), (), ()]
    scenario, selector, shift = (np.array(column, dtype=np.int64) for column in columns[:3])
    return made, Shifts(selector, scenario, shift.astype(np.int8), np.array(columns[3], dtype=np.float64))


def _one_by_one(made: list[Reach], shifts: Shifts, element: int, scenario: int, base: float) -> float:
    first: dict[str, float] = {}
    for selector, at, shift, value in zip(shifts.selector, shifts.scenario, shifts.shift, shifts.value, strict=True):
        reach = made[selector]
        if at == scenario and element in reach.elements:
            size = 1.0 if reach.sizes is None else float(reach.sizes[list(reach.elements).index(element)])
            first.setdefault(SHIFTS[shift], float(value) * size)
    stressed = base * (1.0 + first.get("relative", 0.0)) + first.get("absolute", 0.0)
    return first.get("replace", stressed * first.get("scale", 1.0))


@given(cases())
def test_every_element_and_scenario_is_what_its_first_shocks_make_of_it(case: tuple[list[Reach], Shifts]) -> None:
    made, shifts = case
    base = np.array([1.0, 2.0, -3.0, 0.0, 5.0, 10.0])
    moves = compose(ELEMENTS, SCENARIOS, made, shifts)
    expected = [[_one_by_one(made, shifts, element, scenario, base[element]) for scenario in range(SCENARIOS)] for element in range(ELEMENTS)]
    np.testing.assert_allclose(moves.of_base(base), expected, rtol=1e-14)
    assert set(np.flatnonzero(moves.touched)) == {element for reach in made for element in reach.elements}


def test_large_sets_are_expanded_piece_by_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    made = [Reach(np.arange(6)), Reach(np.array([1, 2])), Reach(np.array([5]))]
    random = np.random.default_rng(5)
    rows = 50
    shifts = Shifts(
        random.integers(0, 3, rows),
        np.sort(random.integers(0, SCENARIOS, rows)),
        random.integers(0, 4, rows).astype(np.int8),
        random.uniform(size=rows),
    )
    whole = compose(ELEMENTS, SCENARIOS, made, shifts)
    monkeypatch.setattr("stresstest.scenarios.composition._CHUNK", 3)
    pieces = compose(ELEMENTS, SCENARIOS, made, shifts)
    np.testing.assert_array_equal(pieces.scale, whole.scale)
    np.testing.assert_array_equal(pieces.shift, whole.shift)


def test_elements_that_move_alike_form_one_group() -> None:
    made = [Reach(np.arange(6)), Reach(np.array([1, 2, 3]), np.array([1.0, 1.0, 2.0])), Reach(np.array([5]))]
    moves = compose(6, 1, made, Shifts(np.array([0]), np.array([0]), np.array([0], dtype=np.int8), np.array([0.5])))
    groups = moves.group
    assert groups[0] == groups[4]
    assert groups[1] == groups[2]
    assert len({int(groups[each]) for each in (0, 1, 3, 5)}) == 4
    assert moves.scale.shape == (4, 1)


def test_nothing_at_all_moves_nothing() -> None:
    none = np.array([], dtype=np.int64)
    moves = compose(0, 2, [Reach(none)], Shifts(np.array([0]), np.array([1]), np.array([0], dtype=np.int8), np.array([0.5])))
    assert moves.of_base(np.array([])).shape == (0, 2)
