"""The first crossing of figures whose crossings are known in closed form."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stresstest.stress.reverse.search import POINTS_A_ROUND, SCAN_POINTS, Crossing, Reading, first_crossings, scan_points


def crossing(figure: Callable[[float], float], threshold: float, end: float, least: float = 1e-6, tolerance: float = 1e-9) -> Crossing | None:
    """Of one question: hit where the figure is above the threshold."""

    def measure(asked: Sequence[tuple[int, float]]) -> list[Reading]:
        return [Reading(figure(point), figure(point) > threshold) for _, point in asked]

    return first_crossings([scan_points(end)], measure, least=least, tolerance=tolerance)[0]


def found(figure: Callable[[float], float], threshold: float, end: float, **more: float) -> Crossing:
    answer = crossing(figure, threshold, end, **more)
    assert answer is not None
    return answer


def test_a_linear_loss():
    # T22: t* = L / (w.d); T25's book lost along its own move.
    weights, direction = (1_000_000.0, 500_000.0), (-0.02, -0.03)
    answer = found(lambda t: -t * sum(w * d for w, d in zip(weights, direction, strict=True)), 100_000.0, 5.0)
    assert answer.right == pytest.approx(100_000.0 / 35_000.0, rel=2e-9)
    assert answer.left < 100_000.0 / 35_000.0 <= answer.right
    assert not answer.jump


def normal(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2.0))


def straddle_loss(move: float) -> float:
    """Loss of a short straddle, S = K = 100, a quarter year, vol 20 %, no rates, when the spot moves (T23)."""

    def value(spot: float) -> float:
        deviation = 0.2 * math.sqrt(0.25)
        d1 = math.log(spot / 100.0) / deviation + deviation / 2.0
        call = spot * normal(d1) - 100.0 * normal(d1 - deviation)
        return 2.0 * call - spot + 100.0

    return value(100.0 * (1.0 + move)) - 7.975522335348984


@pytest.mark.parametrize(
    ("loss", "up", "down"), [(5.0, 11.492549897449539, 12.104738178429728), (10.0, 17.485582641063, 17.804757881475788)]
)  # fmt: skip
def test_a_short_straddle(loss: float, up: float, down: float):
    assert straddle_loss(0.0) == pytest.approx(0.0, abs=1e-12)
    assert 100.0 * found(straddle_loss, loss, 4.0).right == pytest.approx(up, rel=3e-9)
    assert 100.0 * found(lambda t: straddle_loss(-t), loss, 0.999).right == pytest.approx(down, rel=3e-9)


def cascade(shock: float, impact: float = 0.05) -> tuple[float, float]:
    """Final price and total deficit of the four longs of T7: each sells its 100 units when equity is below 5 % of what it holds."""
    start = 100.0 * (1.0 - shock)
    price, sold, equity = start, 0.0, {}
    held = dict(enumerate((1000.0, 1500.0, 2000.0, 4000.0)))
    while True:
        breached = [i for i, cash in held.items() if cash + 100.0 * (price - 100.0) < 0.05 * 100.0 * price]
        if not breached:
            break
        after = start - impact * (sold + 100.0 * len(breached))
        for i in breached:
            # Filled at the average price of its round.
            equity[i] = held.pop(i) + 100.0 * ((price + after) / 2.0 - 100.0)
        sold += 100.0 * len(breached)
        price = after
    equity |= {i: cash + 100.0 * (price - 100.0) for i, cash in held.items()}
    return price, sum(max(0.0, -each) for each in equity.values())


def test_a_cascade_jumps_at_its_trigger():
    # T7: the first row of its table at -6 %, and the jump at 5.263158 %, A1's trigger (1 - 0.947368...).
    assert cascade(0.06, 0.0) == (94.0, 0.0)
    assert cascade(0.06)[0] == pytest.approx(79.0)
    answer = found(lambda t: 100.0 * (1.0 - t) - cascade(t)[0], 1.0, 1.0)
    assert answer.right == pytest.approx(1.0 / 19.0, rel=2e-9)
    assert answer.jump
    assert answer.left_figure == pytest.approx(0.0, abs=1e-9)
    # A1's 100 units move the price by 5; at 89.74 the next, who is liquidated at 89.47, still stands.
    assert answer.right_figure == pytest.approx(5.0)


def test_the_first_of_several_crossings():
    # sin(2 pi t) is above a half from 1/12 to 5/12, from 13/12 to 17/12, ...: halving [0, 5] would end at a later one.
    answer = found(lambda t: math.sin(2.0 * math.pi * t), 0.5, 5.0)
    assert answer.right == pytest.approx(1.0 / 12.0, rel=2e-9)


def test_a_figure_that_leaves_the_target_again():
    answer = found(lambda t: 1.0 - abs(t - 2.0), 0.9, 5.0)
    assert answer.right == pytest.approx(1.9, rel=2e-9)


def test_what_is_not_there_is_not_found():
    assert crossing(lambda t: t, 6.0, 5.0) is None
    assert crossing(lambda _: 0.0, 0.0, 5.0) is None


def test_hit_at_base():
    answer = found(lambda t: 1.0 + t, 0.5, 5.0)
    assert answer.at_base
    assert (answer.left, answer.right, answer.left_figure) == (0.0, 0.0, 1.0)


def test_what_is_hit_by_anything_at_all_ends():
    answer = found(lambda t: 1.0 if t > 0.0 else 0.0, 0.5, 5.0)
    assert answer.left == 0.0
    assert 0.0 < answer.right < 1e-13
    assert answer.jump


def test_a_small_step_is_no_jump_of_cents():
    answer = found(lambda t: 0.005 * (t > 1.0), 0.001, 5.0, least=0.01)
    assert not answer.jump


@given(st.floats(0.001, 4.999), st.just(0.0) | st.floats(0.1, 100.0), st.floats(1e-3, 1e3))
def test_any_step_on_a_slope(at: float, height: float, slope: float):
    answer = found(lambda t: slope * t + height * (t > at), slope * at, 5.0)
    assert answer.right == pytest.approx(at, rel=2e-9)
    assert answer.right - answer.left <= 1e-9 * answer.right
    assert answer.jump == (height > 0.0)


def test_questions_are_asked_together():
    rounds: list[int] = []

    def measure(asked: Sequence[tuple[int, float]]) -> list[Reading]:
        return [Reading(point, point > (0.1, 1.0, 9.0)[number]) for number, point in asked]

    answers = first_crossings([scan_points(5.0)] * 3, measure, least=1e-6, on_round=rounds.append)
    assert [answer and round(answer.right, 6) for answer in answers] == [0.1, 1.0, None]
    assert rounds[:2] == [3 * (SCAN_POINTS + 1), 2 * POINTS_A_ROUND]
    assert len(rounds) <= 9


def test_points_of_a_scan():
    points = scan_points(5.0, [1.0, 7.0])
    assert points[0] == 0.0
    assert points[-1] == 5.0
    assert 1.0 in points
    assert len(points) == SCAN_POINTS + 2
    gaps = [b - a for a, b in pairwise(points) if 1.0 not in (a, b)]
    assert gaps == sorted(gaps)
