from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from snapshot.books import AS_OF

from stresstest.snapshot.request import StageRequest


@pytest.fixture
def request_for(tmp_path: Path) -> Callable[..., StageRequest]:
    """A request for a snapshot folder, with what the small book needs; keywords change it."""

    def make(snapshot: Path | str, **changes: Any) -> StageRequest:
        work = tmp_path / changes.pop("work", "work")
        work.mkdir(exist_ok=True)
        request = StageRequest(
            str(snapshot), work, AS_OF, "USD", collateral_schedules=frozenset({"coins", "dollars"}),
            margin_schedules=frozenset({"majors"}), threads=2,
        )  # fmt: skip
        return replace(request, **changes)

    return make
