"""inputs/: what a run was asked, beside its answer, so that later commands never need the originals."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from stresstest.config import RunFile
from stresstest.results.manifest import without_secrets
from stresstest.scenarios.scenario_set import ScenarioSet

FOLDER = "inputs"
RUN = "run.json"


def write_inputs(folder: Path, settings: RunFile, scenarios: ScenarioSet, as_of: datetime, currency: str) -> Path:
    """Write `inputs/` of a result folder: copies of the scenario and margin files, the resolved scenarios, the run file.

    `run.json` is the run file with flags, environment and the snapshot's own defaults applied, and with the copies in
    place of the originals: it is itself a run file.
    """
    inputs = folder / FOLDER
    (inputs / "scenarios").mkdir(parents=True, exist_ok=True)
    copies = _copies(settings.scenarios)
    for original, copy in zip(settings.scenarios, copies, strict=True):
        shutil.copyfile(original, inputs / copy)
    margin = f"margin{Path(settings.margin).suffix}"
    shutil.copyfile(settings.margin, inputs / margin)
    scenarios.frame().write_parquet(inputs / "scenarios.parquet")
    content = settings.model_dump(mode="json", exclude_none=True)
    content |= {"as_of": as_of.isoformat(), "reporting_currency": currency, "snapshot": without_secrets(settings.snapshot)}
    content |= {"scenarios": copies, "margin": margin, "output": {"formats": content["output"]["formats"]}}
    (inputs / RUN).write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    return inputs


def _copies(originals: Sequence[str]) -> list[str]:
    """Names of the copies: numbered, because two folders may hold files of one name, and order matters."""
    return [f"scenarios/{number:02d}-{re.sub(r'[^A-Za-z0-9._-]+', '_', Path(path).name)}" for number, path in enumerate(originals, start=1)]
