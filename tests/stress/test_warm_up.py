"""Loading kernels early loads those that a run uses, and no others."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SAMPLE = Path(__file__).parents[2] / "sample_data" / "run.yaml"

CODE = f"""
from stresstest.margin.kernels.fold import _fold_all
from stresstest.margin.kernels.reduce import _evaluate
from stresstest.stress.warm_up import warm_up

warm_up()
loaded = [kernel.signatures[:] for kernel in (_fold_all, _evaluate)]
assert all(len(signatures) == 1 for signatures in loaded), loaded

import stresstest

stresstest.run({str(SAMPLE)!r}, executor="threads", keep="worst", attribution={{"accounts": 0}})
assert [kernel.signatures for kernel in (_fold_all, _evaluate)] == loaded
"""


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT", "0") != "0", reason="there are no kernels to load")
def test_the_kernels_loaded_early_are_the_ones_that_run():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
