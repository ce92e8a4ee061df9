"""What people read at a terminal and programs do not."""

from __future__ import annotations

import doctest

import pytest

from stresstest.cli import output


def test_the_examples_are_true():
    assert doctest.testmod(output).failed == 0


@pytest.mark.parametrize(("name", "shown"), [
    ("a" * 40, "a" * 40), ("a" * 41, "a" * 20 + "…" + "a" * 19), ("head" + "x" * 192 + "tail", "head" + "x" * 16 + "…" + "x" * 15 + "tail"),
])  # fmt: skip
def test_a_long_name_loses_its_middle(name: str, shown: str):
    assert output.shortened(name) == shown
