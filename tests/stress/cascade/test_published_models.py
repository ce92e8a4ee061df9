"""Published models of fire sales, built in a few lines on the impact functions of the product, give their published figures.

They are validation, not features: banks that deleverage (Cont and Schaanning; Greenwood, Landier and Thesmar) are not margin accounts, and what
participants owe each other (Eisenberg and Noe) is not in a snapshot. What they share with the cascade is what is tested by them: impact on summed
sales, execution at the average price, and the greatest fixed point.
"""

from __future__ import annotations

import numpy as np
import pytest

from stresstest.stress.cascade.market.impact import Floats, Linear


def one(*depths: float) -> Linear:
    """Assets at a price of one, that a sale of their depth takes to zero."""
    return Linear(np.ones(len(depths)), 1.0 / np.array(depths))


def test_banks_above_a_leverage_limit() -> None:
    """R. Cont and E. Schaanning, *Fire sales, indirect contagion and systemic stress testing*, Norges Bank working paper 2/2017 (T13).

    Who is above the largest leverage, 25, sells the share of every marketable asset that takes him to 20.
    """
    holdings, illiquid, capital = np.array([[60.0, 40.0], [20.0, 80.0]]), np.array([100.0, 100.0]), np.array([10.0, 10.0])
    market, prices = one(1_000.0, 1_000.0), np.ones(2)
    shocked = holdings * [0.95, 1.0]
    capital, holdings, prices = capital - (holdings - shocked).sum(axis=1), shocked, prices * [0.95, 1.0]
    assert capital.tolist() == pytest.approx([7.0, 9.0])
    assert ((holdings.sum(axis=1) + illiquid) / capital).tolist() == pytest.approx([28.142857142857142, 22.11111111111111])

    rounds: list[tuple[Floats, Floats, Floats]] = []
    while True:
        total = holdings.sum(axis=1)
        above = (total > 0.0) & ((total + illiquid > 25.0 * capital) | (capital <= 0.0))
        if not above.any():
            break
        wanted = np.where(capital <= 0.0, 1.0, np.minimum(1.0, (total + illiquid - 20.0 * capital) / np.maximum(total, 1e-300)))
        share = np.where(above, wanted, 0.0)[:, None]
        sold = (share * holdings).sum(axis=0)
        after, average = market.price(sold), market.mean(np.zeros(2), sold)
        loss = (holdings * (1.0 - share) * (1.0 - after) + holdings * share * (1.0 - average)).sum(axis=1)
        rounds.append((share[:, 0], sold, loss))
        capital, holdings, prices = capital - loss, holdings * (1.0 - share) * after, prices * after

    shares, sales, losses = (np.array(each) for each in zip(*rounds, strict=True))
    assert shares == pytest.approx(np.array([[0.58762887, 0.0], [1.0, 0.69255046], [0.0, 1.0]]), abs=5e-9)
    assert sales[0] == pytest.approx([33.49484536, 23.50515464], abs=5e-9)
    assert losses == pytest.approx(np.array([[2.01221389, 2.51681443], [0.96794194, 4.01087207], [0.0, 0.26417788]]), abs=5e-9)
    assert losses.sum() == pytest.approx(9.772020211583333, rel=1e-12)
    assert prices == pytest.approx([0.88082062, 0.88766059], abs=5e-9)


def test_vulnerable_banks() -> None:
    """R. Greenwood, A. Landier and D. Thesmar, *Vulnerable banks*, Journal of Financial Economics 115 (2015) (T14).

    All banks return to their leverage in one round.
    """
    assets, equity = np.array([100.0, 200.0]), np.array([10.0, 10.0])
    weights, leverage = np.array([[0.6, 0.4], [0.2, 0.8]]), np.array([9.0, 19.0])
    market = one(1_000.0, 500.0)
    direct = weights @ [-0.05, 0.0]
    trades = leverage * assets * direct
    assert (weights.T @ trades).tolist() == pytest.approx([-23.8, -41.2])

    def lost(sold: Floats) -> Floats:
        """What every bank loses by sales."""
        return -assets * (weights @ (market.price(sold) - 1.0))

    sales = -(weights.T @ trades)
    assert (market.price(sales) - 1.0).tolist() == pytest.approx([-0.0238, -0.0824])
    assert lost(sales).sum() / equity.sum() == pytest.approx(0.943)  # aggregate vulnerability
    assert (lost(sales) / equity).tolist() == pytest.approx([0.4724, 1.4136])  # indirect vulnerability
    alone = [lost(-weights[number] * trades[number]).sum() / equity.sum() for number in range(2)]
    assert alone == pytest.approx([0.297, 0.646])  # systemicness; adds up, as impact is linear
    assert (-assets * direct / equity).tolist() == pytest.approx([0.3, 0.2])  # direct vulnerability


@pytest.mark.parametrize(
    ("outside", "payments"), [((3.0, 1.0, 1.0), (7.0, 8.0, 4.0)), ((2.0, 0.0, 0.0), (6.0, 6.0, 4.0)), ((0.0, 0.0, 0.0), (4.0, 4.0, 4.0))]
)
def test_clearing_of_mutual_debts(outside: tuple[float, ...], payments: tuple[float, ...]) -> None:
    """L. Eisenberg and T. Noe, *Systemic risk in financial systems*, Management Science 47 (2001) (T15).

    1 owes 2 ten, 2 owes 3 eight, 3 owes 1 four. Of several clearing vectors the greatest is meant: iterated downward from what is owed, as the
    cascade iterates the price at which collateral is sold. (With nothing outside, nobody paying anybody would clear as well.)
    """
    debts = np.array([[0.0, 10.0, 0.0], [0.0, 0.0, 8.0], [4.0, 0.0, 0.0]])
    owed = debts.sum(axis=1)
    paid = owed.copy()
    for _ in range(100):
        paid = np.minimum(owed, np.array(outside) + (debts / owed[:, None]).T @ paid)
    assert paid.tolist() == pytest.approx(payments)
