from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock, Timeout

from stresstest.errors import ExitCode, StressTestError
from stresstest.runs import folders

PLAN, OTHER_PLAN = "a" * 64, "b" * 64


def finished(folder: Path, content: str) -> Path:
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(content)
    return folder


def test_a_new_target_is_fine(tmp_path: Path):
    folders.check_target(tmp_path / "new", force=False)


def test_an_empty_folder_may_be_filled(tmp_path: Path):
    folders.check_target(tmp_path, force=False)
    with folders.locked_work_folder(tmp_path / "out", PLAN) as work:
        (tmp_path / "out").mkdir()
        (work / "manifest.json").write_text("new")
        folders.publish(work, tmp_path / "out")
    assert (tmp_path / "out" / "manifest.json").read_text() == "new"


def test_a_finished_run_needs_force(tmp_path: Path):
    target = finished(tmp_path / "out", "old")
    with pytest.raises(StressTestError) as caught:
        folders.check_target(target, force=False)
    assert caught.value.exit_code == ExitCode.CONFIGURATION
    assert "--force" in caught.value.faults[0].hint
    folders.check_target(target, force=True)


def test_force_never_replaces_what_is_not_a_result(tmp_path: Path):
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("dear")
    for target in (tmp_path / "home", tmp_path / "home" / "letter.txt"):
        with pytest.raises(StressTestError, match="cannot be written there"):
            folders.check_target(target, force=True)


def test_publishing_leaves_only_the_target(tmp_path: Path):
    target = tmp_path / "out"
    with folders.locked_work_folder(target, PLAN) as work:
        (work / "part").mkdir()
        (work / "part" / "x").write_text("1")
        folders.publish(work, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert (target / "part" / "x").read_text() == "1"


@pytest.mark.parametrize("system_can_exchange", [True, False])
def test_replacing_removes_the_old_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system_can_exchange: bool):
    if not system_can_exchange:
        monkeypatch.setattr(folders, "_exchange", lambda first, second: False)
    target = finished(tmp_path / "out", "old")
    (target / "only_in_old").write_text("")
    with folders.locked_work_folder(target, PLAN) as work:
        (work / "manifest.json").write_text("new")
        folders.publish(work, target)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert [path.name for path in target.iterdir()] == ["manifest.json"]
    assert (target / "manifest.json").read_text() == "new"


def test_a_second_run_of_the_same_target_is_refused(tmp_path: Path):
    with (
        folders.locked_work_folder(tmp_path / "out", PLAN),
        pytest.raises(StressTestError) as caught,
        folders.locked_work_folder(tmp_path / "out", OTHER_PLAN),
    ):
        pass
    assert caught.value.exit_code == ExitCode.LOCKED


def test_a_folder_that_takes_no_files_is_not_taken_for_one_that_is_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def lock_cannot_be_made(lock: FileLock) -> None:
        raise Timeout(str(lock.lock_file))

    def no_file(**_: object) -> None:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))

    monkeypatch.setattr(FileLock, "acquire", lock_cannot_be_made)
    monkeypatch.setattr(tempfile, "TemporaryFile", no_file)
    with pytest.raises(StressTestError) as caught, folders.locked(tmp_path / "out"):
        pass
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert [fault.text() for fault in caught.value.faults] == [
        f"{tmp_path}: no file can be made in this folder: No such file or directory. Give --out a folder on a disk that can be written."
    ]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no /proc, where nobody can make a file")
def test_nobody_can_make_a_lock_in_proc():
    with pytest.raises(StressTestError) as caught, folders.locked(Path("/proc/out")):
        pass
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


def test_an_interrupted_run_leaves_its_work_for_the_same_plan_only(tmp_path: Path):
    target = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), folders.locked_work_folder(target, PLAN) as work:
        (work / "block").write_text("done")
        raise KeyboardInterrupt
    assert not target.exists()
    with folders.locked_work_folder(target, PLAN) as work:
        assert (work / "block").read_text() == "done"
    with folders.locked_work_folder(target, OTHER_PLAN) as work:
        assert list(work.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == [".out.work-bbbbbbbbbbbb"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_place_that_cannot_be_written_is_an_error_of_the_environment(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(StressTestError) as caught, folders.locked_work_folder(tmp_path / "sub" / "out", PLAN):
        pass
    assert caught.value.exit_code == ExitCode.ENVIRONMENT


def test_a_file_in_the_way_is_an_error_of_the_environment(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StressTestError) as caught, folders.locked_work_folder(tmp_path / "file" / "out", PLAN):
        pass
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
