"""The process in which a snapshot is surveyed: `python -m stresstest.snapshot.survey_child`, as `child.py` serves."""

from __future__ import annotations

import pickle
from pathlib import Path

from stresstest.snapshot.child import Tell, serve
from stresstest.snapshot.request import StageRequest


def _survey(request: StageRequest, tell: Tell) -> Path:
    from stresstest.snapshot.survey import surveyed  # after pandas is out of the way

    written = request.work / "survey.pickle"
    written.write_bytes(pickle.dumps(surveyed(request, tell)))
    return written


if __name__ == "__main__":
    serve(_survey)
