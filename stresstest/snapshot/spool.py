"""Coded rows on their way to the blocks, collected by range of accounts; on disk where memory is short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Arrays = dict[str, npt.NDArray[Any]]


class Spool:
    """Rows of one table, kept apart by range of accounts, so that each range can be sorted and netted by itself."""

    def __init__(self, range_of_account: npt.NDArray[np.uint16], folder: Path | None) -> None:
        """Start empty.

        Args:
            range_of_account: the range that each account code belongs to, ascending.
            folder: where rows go; None = memory.
        """
        self.ranges = int(range_of_account[-1]) + 1 if len(range_of_account) else 0
        self._range_of_account = range_of_account
        self._folder = folder
        self._chunks: list[list[Arrays]] = [[] for _ in range(self.ranges)]
        self._written = [0] * self.ranges
        if folder is not None:
            folder.mkdir(parents=True)

    def add(self, columns: Arrays) -> None:
        """Add rows; `account` is one of the columns."""
        if self.ranges == 1:
            self._keep(0, columns)
            return
        where = self._range_of_account[columns["account"]]
        order = np.argsort(where, kind="stable")
        edges = np.searchsorted(where[order], np.arange(self.ranges + 1, dtype=np.uint16))
        ordered = {name: values[order] for name, values in columns.items()}
        for number in range(self.ranges):
            if edges[number] < edges[number + 1]:
                self._keep(number, {name: values[edges[number] : edges[number + 1]] for name, values in ordered.items()})

    def _keep(self, number: int, columns: Arrays) -> None:
        if self._folder is None:
            self._chunks[number].append(columns)
            return
        with (self._folder / f"{number:05d}").open("ab") as file:
            for values in columns.values():
                np.lib.format.write_array(file, values, allow_pickle=False)
        self._written[number] += 1
        if not self._chunks[number]:
            self._chunks[number] = [{name: values[:0].copy() for name, values in columns.items()}]

    def take(self, number: int) -> Arrays:
        """All rows of a range, which the spool then forgets; an empty dictionary if there were none."""
        chunks, self._chunks[number] = self._chunks[number], []
        if self._folder is not None and chunks:
            path = self._folder / f"{number:05d}"
            with path.open("rb") as file:
                chunks = [{name: np.lib.format.read_array(file) for name in chunks[0]} for _ in range(self._written[number])]
            path.unlink()
        if not chunks:
            return {}
        return {name: np.concatenate([chunk[name] for chunk in chunks]) if len(chunks) > 1 else chunks[0][name] for name in chunks[0]}
