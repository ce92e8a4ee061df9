"""Sums of groups in the order of rows."""

from __future__ import annotations

from random import Random

import polars as pl

from stresstest.margin.explain.sums import total


def test_a_total_is_the_sum_row_by_row() -> None:
    # Few groups of many rows: the frame's own sum adds parts that several threads made, and ends in other bits.
    random = Random(1)
    rows = [(random.randrange(3), random.gauss(0.0, 1.0) * 10.0 ** random.randrange(-6, 9)) for _ in range(3_000)]
    expected: dict[int, float] = {}
    for group, amount in rows:
        expected[group] = expected.get(group, 0.0) + amount
    frame = pl.DataFrame(rows, schema=["group", "amount"], orient="row")
    found = frame.group_by("group", maintain_order=True).agg(total("amount").alias("amount"), total(2.0 * pl.col("amount")).alias("twice"))
    assert dict(found.select("group", "amount").rows()) == expected
    assert dict(found.select("group", "twice").rows()) == {group: 2.0 * amount for group, amount in expected.items()}


def test_nulls_are_left_out() -> None:
    frame = pl.DataFrame({"group": ["a", "a", "b"], "amount": [1.5, None, None]}, schema={"group": pl.String, "amount": pl.Float64})
    assert frame.group_by("group", maintain_order=True).agg(total("amount").alias("amount")).rows() == [("a", 1.5), ("b", 0.0)]
