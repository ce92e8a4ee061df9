"""Who set off a liquidation, and whose sales cost survivors what."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from stress.cascade.books import Book, book, linear
from stress.cascade.cascading import cascaded, staged
from stress.small_book import Row, cash, lot

from stresstest.stress.cascade.tabled import carried


@pytest.mark.parametrize(("asset", "trigger"), [("B", "B"), ("USD", "USD")])
def test_a_deposit_that_is_lost_is_what_set_it_off(asset: str, trigger: str, tmp_path: Path) -> None:
    """N is long 100 A, which fall by one, and loses 5,000 of 5,400 that lie on a bridge: the deposit is the reason, not the fall of 100."""
    deposits: list[Row] = [{**cash("N", 400.0), "location": None}]
    deposits.append({"account_id": "N", "asset": asset, "quantity": 5_000.0 if asset == "USD" else 50.0, "location": "bridge"})
    shocks: list[Row] = [
        {"factor": "spot:A", "relative": -0.01}, {"factor": f"holding:{asset}", "where": {"location": "bridge"}, "replace": 0.0},
    ]  # fmt: skip
    of = book([lot("N", "PA", 100.0)], deposits, [{"id": "frozen", "family": "operational", "shocks": shocks}], linear(0.01))
    found = cascaded(staged(tmp_path, of.tables, of.scenarios), of.cascade, scenarios=[1], log=True)
    assert found.outcome.log["trigger"].to_list() == [found.staged.asset(trigger)]
    assert Book(of.tables, of.scenarios, of.cascade).reference().trigger == {("N", "cross"): trigger}


def test_losses_by_what_nobody_sold_are_those_of_what_moved_it() -> None:
    """Of money, A, B, a coin S priced in A and a coin T priced in S, A was traded for 300 and B for 100."""
    notional = np.array([[0.0], [300.0], [100.0], [0.0], [0.0]])
    lost = np.array([[8.0], [40.0], [10.0], [5.0], [2.0]])
    # S and T move with A; what is lost by money itself is of A and B, three to one.
    assert carried(lost, notional, np.array([0, 0, 0, 1, 3])).ravel().tolist() == [0.0, 40.0 + 5.0 + 2.0 + 6.0, 10.0 + 2.0, 0.0, 0.0]


@given(
    arrays(np.float64, (5, 3), elements=st.sampled_from([0.0, 1.0, 7.0, 250.0])),
    arrays(np.float64, (5, 3), elements=st.sampled_from([0.0, 3.0, 90.0])),
)
def test_no_loss_of_survivors_is_dropped(lost: np.ndarray, notional: np.ndarray) -> None:
    found = carried(lost, notional, np.array([0, 0, 1, 2, 0]))
    traded = notional.sum(axis=0) > 0.0
    assert found.sum(axis=0)[traded] == pytest.approx(lost.sum(axis=0)[traded])
    assert (found[notional == 0.0] == 0.0).all()
    assert (found >= np.where(notional > 0.0, lost, 0.0)).all()
