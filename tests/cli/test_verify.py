from __future__ import annotations

import json
import shutil
from pathlib import Path

import polars as pl
import pytest

from stresstest.results.identity import Identity, recomputed_id
from stresstest.results.store import sha256_of, write_table
from stresstest.tables import EXCLUDED

pytestmark = pytest.mark.usefixtures("read_here")


@pytest.fixture
def forged(finished: Path, tmp_path: Path) -> Path:
    """A copy of a finished run that lists an account as excluded, with every hash put right."""
    folder = Path(shutil.copytree(finished, tmp_path / "forged"))
    row = {column.name: 1.0 if column.type == "float" else 1 if column.type == "integer" else "a000009" for column in EXCLUDED.columns}
    write_table(pl.DataFrame([row]), EXCLUDED, folder / "excluded.parquet")
    content = json.loads((folder / "result.json").read_text())
    content["tables"]["excluded"] = sha256_of(folder / "excluded.parquet")
    result_id = recomputed_id(Identity(**content))
    (folder / "result.json").write_text(json.dumps(content | {"result_id": result_id}))
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"result_id": result_id}))
    return folder


def test_a_run_that_comes_out_again_is_told_as_verified(stresstest, finished: Path):
    done = stresstest("verify", finished, "--threads", "1", "--chain")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("VERIFIED  every table is the same bit for bit; computed again in ")
    assert lines[2] == "inputs    unchanged: accounts, assets, collateral, instruments, positions"
    assert lines[-1] == "chain     the run notes none before it: it is the first of its book, or has no history"
    assert stresstest("verify", finished, "-q").stdout == ""


def test_one_that_does_not_leaves_with_3_and_names_the_first_difference(stresstest, forged: Path):
    done = stresstest("verify", forged)
    assert done.returncode == 3
    assert done.stdout.startswith("NOT VERIFIED  excluded came out differently; computed again in ")
    assert "first: owner_id a000009, account_id a000009: the row is only in the run" in done.stdout
    quiet = stresstest("verify", forged, "-q", "--log-file", "log.jsonl")
    assert (quiet.returncode, quiet.stdout) == (3, "")
    assert quiet.stderr.startswith("NOT VERIFIED  excluded came out differently")
    last = json.loads(Path("log.jsonl").read_text().splitlines()[-1])
    assert (last["message"], last["figures"]["exit_code"], last["figures"]["verified"]) == ("ends", 3, False)


def test_a_snapshot_that_is_not_there_is_refused_with_the_way_to_name_it(stresstest, finished: Path):
    done = stresstest("verify", finished, "--snapshot", "nowhere")
    assert done.returncode == 3
    assert "nowhere: no such folder" in done.stderr
    assert "Where it is now is said with --snapshot" in done.stderr
