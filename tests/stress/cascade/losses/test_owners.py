"""What owners owe, by accounts that come in parts: hand-made figures, and a naive sum over owners."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.cascade.losses.owners import OwnerLosses, OwnersInDebt
from stresstest.stress.cascade.outcome import AccountsPart


def part(first: int, scenarios: list[int], cross: list[list[float]], isolated: list[list[float]] | None = None, base: float = 0.0) -> AccountsPart:
    """Accounts whose cross pools end with so much, and whose isolated pools are so far below zero; shocked they all have 1."""
    final = np.array(cross)
    below = np.zeros_like(final) if isolated is None else np.array(isolated)
    flags, some = np.zeros(final.shape, dtype=np.bool_), np.ones(final.shape)
    return AccountsPart(
        first=first, scenarios=np.array(scenarios, dtype=np.int32), equity_base=np.full(len(final), base), equity_shocked=some,
        equity_final=final - below,
        loss_shocked=0.0 * some, loss_final=np.maximum(-final, 0.0) + below, cross_shocked=some, cross_final=final, breached=flags, liquidated=flags,
        tolerance=np.full(len(final), 0.01),
    )  # fmt: skip


def owing(owner: list[int], netting: list[int], scenarios: list[int], *parts: AccountsPart) -> OwnersInDebt:
    found = OwnerLosses(np.array(owner, dtype=np.int32), np.array(netting, dtype=np.int32), np.array(scenarios, dtype=np.int32))
    for each in parts:
        found.add(each)
    assert not len(found.shocked().owner)
    return found.final()


def of(found: OwnersInDebt, place: int) -> dict[int, list[float]]:
    """By owner: loss, surplus, gain, accounts in default, and loss of isolated pools."""
    return {int(owner): sums.tolist() for owner, sums, scenario in zip(found.owner, found.sums, found.scenario, strict=True) if scenario == place}


def test_an_owner_over_two_parts_and_two_batches() -> None:
    """Owner 1 has accounts 1, 2 and 3, of which the last comes in the second part; scenarios 2 and 5 of the run come in two batches."""
    owner = [0, 1, 1, 1, 2]
    found = owing(
        owner, [0] * 5, [2, 5],
        part(0, [2], [[4.0], [-10.0], [3.0]]), part(3, [2], [[-5.0], [-0.005]]),
        part(0, [5], [[4.0], [2.0], [3.0]]), part(3, [5], [[1.0], [-7.0]]),
    )  # fmt: skip
    # What is owed within the tolerance is owed, and no default.
    assert of(found, 0) == {1: [15.0, 3.0, 3.0, 2.0, 0.0], 2: [0.005, 0.0, 0.0, 0.0, 0.0]}
    assert of(found, 1) == {2: [7.0, 0.0, 0.0, 1.0, 0.0]}
    assert found.in_default().tolist() == [1, 1]
    assert found.largest(1).tolist() == [15.0, 7.0]
    assert found.largest(2).tolist() == [15.005, 7.0]
    assert found.gains.tolist() == [4.0 + 3.0, 4.0 + 2.0 + 3.0 + 1.0]
    losses = found.losses(0, np.arange(3.0), np.zeros(3))
    assert (losses.owner.tolist(), losses.surplus.tolist(), losses.limited_recourse) == ([0.0, 15.0, 0.0], [0.0, 3.0, 0.0], 0.005)
    # Gains of owners in default are theirs to lose first.
    assert losses.gains.tolist() == [4.0]


def test_a_netting_group_is_one_account() -> None:
    """Owner 0 nets -100 and 60 over two parts: it owes 40, and nothing of the 60 is left to pay it with; beside it is an account of 5. Owner 1's
    group of 70 and -30 owes nothing, and has 40 for its other account's 50."""
    found = owing(
        [0, 0, 0, 1, 1, 1], [1, 1, 0, 1, 1, 0], [0],
        part(0, [0], [[-100.0]]), part(1, [0], [[60.0], [5.0], [70.0], [-30.0], [-50.0]]),
    )  # fmt: skip
    assert {owner: sums[:2] for owner, sums in of(found, 0).items()} == {0: [40.0, 5.0], 1: [50.0, 40.0]}
    assert found.in_default().tolist() == [2]


def test_nobody_is_liable_for_an_isolated_pool() -> None:
    found = owing([0, 1], [0, 0], [0], part(0, [0], [[5.0], [-2.0]], [[3.0], [4.0]]))
    assert of(found, 0) == {0: [0.0, 5.0, 2.0, 0.0, 3.0], 1: [2.0, 0.0, 0.0, 1.0, 4.0]}
    assert found.limited_recourse.tolist() == [7.0]
    assert found.in_default().tolist() == [1]
    # For Cover it counts.
    assert [found.largest(count).tolist() for count in (1, 2)] == [[6.0], [9.0]]
    losses = found.losses(0, np.zeros(2), np.zeros(2))
    assert (losses.owner.tolist(), losses.surplus.tolist(), losses.gains.tolist()) == ([0.0, 2.0], [0.0, 0.0], [2.0])


def test_gains_by_account() -> None:
    """Accounts had 1: three end with 4, 6 and -2; the gain of 5 is of an owner that owes."""
    found = owing([0, 1, 1], [0, 0, 0], [0], part(0, [0], [[4.0], [6.0], [-2.0]], base=1.0))
    losses = found.losses(0, np.zeros(2), np.zeros(2), np.array([3.0, 5.0, 0.0]), np.array([0, 1, 1]))
    assert losses.gains.tolist() == [3.0, 0.0, 0.0]


@st.composite
def books(draw: st.DrawFn) -> tuple[list[int], list[int], list[list[float]], list[int]]:
    """Owners of accounts in order, their netting slots, equities in two scenarios, and where parts end."""
    counts = draw(st.lists(st.integers(1, 4), min_size=1, max_size=5))
    owner = [number for number, count in enumerate(counts) for _ in range(count)]
    slots = draw(st.lists(st.integers(0, 2), min_size=len(owner), max_size=len(owner)))
    equity = draw(st.lists(st.lists(st.integers(-50, 50).map(float), min_size=2, max_size=2), min_size=len(owner), max_size=len(owner)))
    cuts = draw(st.sets(st.integers(1, len(owner))))
    return owner, slots, equity, sorted({0, len(owner), *cuts})


@given(books())
def test_naive_sums_over_owners(book: tuple[list[int], list[int], list[list[float]], list[int]]) -> None:
    owner, slots, equity, cuts = book
    found = owing(owner, slots, [0, 1], *(part(first, [0, 1], equity[first:last]) for first, last in pairwise(cuts)))
    for scenario in (0, 1):
        held: dict[tuple[int, object], float] = defaultdict(float)
        for account, (code, slot) in enumerate(zip(owner, slots, strict=True)):
            held[code, ("group", slot) if slot else account] += equity[account][scenario]
        loss: dict[int, float] = defaultdict(float)
        surplus: dict[int, float] = defaultdict(float)
        for (code, _), amount in held.items():
            loss[code] += max(0.0, -amount)
            surplus[code] += max(0.0, amount)
        debtors = {code: [loss[code], surplus[code]] for code in loss if loss[code] > 0.0}
        assert {code: sums[:2] for code, sums in of(found, scenario).items()} == debtors
        ranked = sorted((loss[code] for code in debtors), reverse=True)
        assert [found.largest(count)[scenario] for count in (1, 2)] == pytest.approx([sum(ranked[:1]), sum(ranked[:2])])
        assert found.in_default()[scenario] == len(debtors)
