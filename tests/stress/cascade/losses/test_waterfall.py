"""Layers of the waterfall and the allocation of what they leave: published and hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.cascade.losses.allocation import closed_by_queue, closed_in_proportion, effective_leverage, gains_haircut, queue_score
from stresstest.stress.cascade.losses.waterfall import UNCOVERED, Behind, Losses, Waterfall, waterfall

ORDER = ("defaulter_margin", "defaulter_contribution", "insurance_fund", "skin_in_the_game", "default_fund", "assessment", "gains_haircut")


def losses_of(owner: list[float], **changed: object) -> Losses:
    owners = len(owner)
    stated: dict[str, object] = {
        "surplus": np.zeros(owners), "contribution": np.zeros(owners), "assessment_cap": np.zeros(owners), "limited_recourse": 0.0,
        "gains": np.zeros(0), "gaining_owner": np.zeros(0, np.int64),
    }  # fmt: skip
    return Losses(np.array(owner), **{**stated, **changed})  # type: ignore[arg-type]


def used_of(found: Waterfall) -> dict[str, float]:
    return {layer.layer: layer.used for layer in found.layers}


def test_layers_one_behind_the_other() -> None:
    """T17: a loss of 500 against 0, 50, 25, 300 and 100 uses 0, 50, 25, 300, 100 and leaves 25."""
    losses = losses_of([500.0, 0.0, 0.0], contribution=np.array([50.0, 100.0, 200.0]), assessment_cap=np.array([70.0, 40.0, 60.0]))
    found = waterfall(ORDER[:-1], losses, Behind(25.0, 0.0, None))
    assert used_of(found) == pytest.approx({
        "defaulter_margin": 0.0, "defaulter_contribution": 50.0, "insurance_fund": 25.0, "skin_in_the_game": 0.0, "default_fund": 300.0,
        "assessment": 100.0, UNCOVERED: 25.0,
    })  # fmt: skip
    assert [layer.left for layer in found.layers] == pytest.approx([500.0, 450.0, 425.0, 425.0, 125.0, 25.0, 0.0])
    paid = {(payer.layer, payer.owner): payer.amount for payer in found.payers}
    assert paid == pytest.approx({
        ("defaulter_contribution", 0): 50.0, ("default_fund", 1): 100.0, ("default_fund", 2): 200.0, ("assessment", 1): 40.0, ("assessment", 2): 60.0,
    })  # fmt: skip


def test_a_fund_in_part() -> None:
    """A loss of 90 takes 90/300 of the survivors' contributions: 30 of 100 and 60 of 200."""
    losses = losses_of([90.0, 0.0, 0.0], contribution=np.array([0.0, 100.0, 200.0]))
    found = waterfall(("default_fund",), losses, Behind(0.0, 0.0, None))
    assert [payer.amount for payer in found.payers] == pytest.approx([30.0, 60.0])


def test_each_defaulter_pays_for_itself_alone() -> None:
    """Losses 100 and 40 with contributions 30 and 70: the second's rest of 30 does not help the first, who leaves 70."""
    losses = losses_of([100.0, 40.0], contribution=np.array([30.0, 70.0]), surplus=np.array([0.0, 0.0]))
    found = waterfall(("defaulter_contribution", "insurance_fund"), losses, Behind(50.0, 0.0, None))
    assert used_of(found) == pytest.approx({"defaulter_contribution": 70.0, "insurance_fund": 50.0, UNCOVERED: 20.0})


def test_what_other_accounts_of_the_defaulter_have() -> None:
    found = waterfall(("defaulter_margin",), losses_of([100.0, 0.0], surplus=np.array([60.0, 500.0])), Behind(0.0, 0.0, None))
    assert used_of(found) == pytest.approx({"defaulter_margin": 60.0, UNCOVERED: 40.0})


def test_isolated_pools_are_nobodys_default() -> None:
    """A loss of 10 of an isolated pool is paid by the fund, not from the owner's margin or contribution."""
    losses = losses_of([0.0], surplus=np.array([90.0]), contribution=np.array([90.0]), limited_recourse=10.0)
    found = waterfall(("defaulter_margin", "defaulter_contribution", "insurance_fund"), losses, Behind(4.0, 0.0, None))
    assert used_of(found) == pytest.approx({"defaulter_margin": 0.0, "defaulter_contribution": 0.0, "insurance_fund": 4.0, UNCOVERED: 6.0})


def test_a_stated_fund_larger_than_contributions() -> None:
    """Stated 400 of which owners paid 100 and the defaulter 20: 380 are left, of which a survivor has its 80 in proportion."""
    losses = losses_of([200.0, 0.0], contribution=np.array([20.0, 80.0]))
    found = waterfall(("defaulter_contribution", "default_fund"), losses, Behind(0.0, 0.0, 400.0))
    assert used_of(found) == pytest.approx({"defaulter_contribution": 20.0, "default_fund": 180.0, UNCOVERED: 0.0})
    assert found.payers[-1].amount == pytest.approx(180.0 * 80.0 / 380.0)


def test_gains_haircut() -> None:
    """T18: 200 of gains of 300, 100 and 600: h = 0.2, they pay 60, 20 and 120."""
    share, pays = gains_haircut(200.0, np.array([300.0, 100.0, 600.0]))
    assert share == pytest.approx(0.2)
    assert pays == pytest.approx([60.0, 20.0, 120.0])
    assert gains_haircut(2000.0, np.array([300.0, 100.0, 600.0]))[0] == 1.0
    assert gains_haircut(5.0, np.zeros(0)) == (0.0, pytest.approx([]))


def test_the_golden_book_of_the_cascade() -> None:
    """T9: deficits of 500 with a fund of 300; winners of 4,050 and 6,750 pay 75 and 125."""
    losses = losses_of([150.0, 350.0, 0.0, 0.0], gains=np.array([4050.0, 6750.0]), gaining_owner=np.array([2, 3]))
    found = waterfall(("insurance_fund", "gains_haircut"), losses, Behind(300.0, 0.0, None))
    assert found.residual == pytest.approx(200.0)
    assert [(payer.owner, payer.amount) for payer in found.payers] == [(2, pytest.approx(75.0)), (3, pytest.approx(125.0))]
    assert found.layers[-1].used == pytest.approx(0.0)


def test_the_queue_closes_the_most_profitable_and_leveraged_first() -> None:
    """T19: six longs with scores 3, 6, 1, 4, 5, 2; a liquidated short of 20 closes the second (10) and 10 of the fifth."""
    held, score = np.array([10.0, 10.0, 20.0, 30.0, 20.0, 10.0]), np.array([3.0, 6.0, 1.0, 4.0, 5.0, 2.0])
    assert closed_by_queue(20.0, held, score).tolist() == [0.0, 10.0, 0.0, 0.0, 10.0, 0.0]
    assert closed_by_queue(1000.0, held, score).tolist() == held.tolist()
    assert closed_in_proportion(20.0, held).tolist() == pytest.approx([2.0, 2.0, 4.0, 6.0, 4.0, 2.0])
    assert closed_in_proportion(1000.0, held).tolist() == held.tolist()


def test_the_score_of_the_published_example() -> None:
    """Entry 50,000, mark 60,000, bankrupt at 45,000: profit 0.2, leverage 60 / (60 - 45) = 4, score 0.8."""
    leverage = effective_leverage(np.array([60_000.0, 60_000.0]), np.array([15_000.0, 0.0]))
    assert leverage.tolist() == [4.0, np.inf]
    assert queue_score(np.array([0.2, -0.2]), np.array([4.0, 4.0])) == pytest.approx([0.8, -0.05])


@given(
    st.lists(st.tuples(*[st.floats(0.0, 1e6)] * 4), min_size=1, max_size=6),
    st.floats(0.0, 1e6), st.floats(0.0, 1e6), st.floats(0.0, 1e5), st.permutations(ORDER[:-1]),
)  # fmt: skip
def test_every_unit_of_loss_is_paid_once(owners: list[tuple[float, ...]], insurance: float, skin: float, isolated: float, order: list[str]) -> None:
    """Whatever the order of layers, what they use and what is uncovered adds up to the loss, and no layer gives more than it has."""
    columns = np.array(owners).T
    losses = losses_of(
        columns[0].tolist(), surplus=columns[1], contribution=columns[2], assessment_cap=columns[3], limited_recourse=isolated,
        gains=np.array([1e5, 2e5]), gaining_owner=np.array([0, 0]),
    )  # fmt: skip
    found = waterfall((*order, "gains_haircut"), losses, Behind(insurance, skin, None))
    loss = float(columns[0].sum()) + isolated
    assert sum(layer.used for layer in found.layers) == pytest.approx(loss, rel=1e-9, abs=1e-6)
    assert all(-1e-9 <= layer.used <= layer.available * (1 + 1e-12) for layer in found.layers)
    for layer in found.layers:
        paid = [payer.amount for payer in found.payers if payer.layer == layer.layer]
        if layer.layer in ("defaulter_margin", "defaulter_contribution", "default_fund", "assessment", "gains_haircut"):
            assert sum(paid) == pytest.approx(layer.used, rel=1e-9, abs=1e-6)
