"""Sums of groups, row by row: the frame's own may differ in their last bit with the number of threads."""

from __future__ import annotations

import polars as pl


def total(column: str | pl.Expr) -> pl.Expr:
    """Inside a `group_by(..., maintain_order=True)`: the group's sum in the order of its rows, nulls left out."""
    return (pl.col(column) if isinstance(column, str) else column).implode().list.sum()
