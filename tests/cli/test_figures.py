from __future__ import annotations

import doctest

import pytest

from stresstest.cli import figures


def test_the_examples_are_true() -> None:
    assert doctest.testmod(figures).failed == 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(1234567.0, "1,234,567"), (12345678.9, "12,345,679"), (0.1234567891, "0.1234568"), (-97250.5, "-97,250.5"), (1e-15, "0"), (float("inf"), "inf")],
)
def test_number(amount: float, text: str) -> None:
    assert figures.number(amount) == text
