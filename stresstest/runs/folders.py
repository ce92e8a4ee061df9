"""A run's folders: one run per target at a time, work beside it, and a target that is never half-written."""

from __future__ import annotations

import ctypes
import glob
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from stresstest.errors import Fault, Reason, StressTestError
from stresstest.results.manifest import NAME as MANIFEST
from stresstest.results.whole import sync

_RENAME_EXCHANGE = 2  # linux/fs.h
_AT_FDCWD = -100  # fcntl.h

SYNCED_AT_ONCE = 8
"""Files seen safely on disk at the same time: a table may be hundreds of files, and a disk takes many at once."""


def check_target(target: Path, force: bool) -> None:
    """Refuse a target that may not be written.

    Raises:
        StressTestError: usage, when it exists and `force` was not given, or when it is no result folder: `force` replaces
            results, never anything else.
    """
    if not target.exists() and not target.is_symlink():
        return
    if target.is_dir() and not any(target.iterdir()):
        return
    if target.is_symlink() or not (target / MANIFEST).is_file():
        fault = Fault("exists and is not the result folder of a run", "Give --out a folder that does not exist yet.", file=str(target))
    elif not force:
        fault = Fault("holds a finished run", "Give --force to replace it, or --out another folder.", file=str(target))
    else:
        return
    raise StressTestError(Reason.USAGE, "the results cannot be written there", [fault])


def work_path(target: Path, plan_hash: str) -> Path:
    """The work folder of a plan: beside the target, so that the last step is a rename."""
    return target.parent / f".{target.name}.work-{plan_hash[:12]}"


def remove_work(target: Path, kept: Path | None = None) -> None:
    """Remove the work folders of a target, but for one; call it while the target is locked, since then nobody works in them."""
    for stale in target.parent.glob(f".{glob.escape(target.name)}.work-*"):
        if stale != kept:
            shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """The right to write a result folder, held by this process alone.

    Raises:
        StressTestError: locked, when another process has it; environment, when the place cannot be written.
    """
    made = [folder for folder in (target.parent, *target.parent.parents) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(target.parent / f".{target.name}.lock", timeout=0)
        lock.acquire()
    except Timeout as error:
        _must_take_files(target.parent)
        fault = Fault("another run is writing it", "Wait for it to end, or give --out another folder.", file=str(target))
        raise StressTestError(Reason.LOCKED, "the result folder is in use", [fault]) from error
    except OSError as error:
        raise cannot_write(target.parent, error) from error
    try:
        yield
    finally:
        # Removed while held: whoever opened it meanwhile sees that its file is gone and asks again.
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()
        _remove_empty(made)


def _must_take_files(folder: Path) -> None:
    """Refuse a folder in which no file can be made: there, a lock that cannot be made looks like one that another process holds."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        what = f"no file can be made in this folder: {error.strerror or error}"
        fault = Fault(what, "Give --out a folder on a disk that can be written.", file=str(folder))
        raise StressTestError(Reason.ENVIRONMENT, "the results cannot be written", [fault]) from error


@contextmanager
def locked_work_folder(target: Path, plan_hash: str) -> Iterator[Path]:
    """The work folder of a plan, held by this process alone; whatever an interrupted run of the same plan left is in it.

    Work folders of other plans for the same target are removed: nobody works in them while the lock is held.

    Raises:
        StressTestError: locked, when another run writes to the same target; environment, when the place cannot be written.
    """
    with locked(target):
        work = work_path(target, plan_hash)
        remove_work(target, work)
        try:
            work.mkdir(exist_ok=True)
        except OSError as error:
            raise cannot_write(target.parent, error) from error
        yield work


def _remove_empty(folders: Sequence[Path]) -> None:
    """Folders made for a target that did not come to be; innermost first, up to the first that holds something."""
    for folder in folders:
        try:
            folder.rmdir()
        except OSError:
            return


def cannot_write(place: Path, error: OSError, what: str = "the results") -> StressTestError:
    """The refusal for a place that cannot be written."""
    fault = Fault(error.strerror or str(error), "Check permissions and free space, or name another folder.", file=str(error.filename or place))
    return StressTestError(Reason.ENVIRONMENT, f"{what} cannot be written", [fault])


def publish(work: Path, target: Path) -> None:
    """Make the finished work folder the target: everything on disk first, then one rename.

    An older result there is exchanged in the same step where the system can (Linux), and then removed.
    """
    with ThreadPoolExecutor(SYNCED_AT_ONCE) as pool:
        for _ in pool.map(sync, (work, *work.rglob("*"))):
            pass
    if target.exists():
        if not _exchange(work, target):
            aside = work.with_name(work.name + "-old")
            target.rename(aside)
            work.rename(target)
            work = aside
        shutil.rmtree(work)
    else:
        work.rename(target)
    sync(target.parent)


def _exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step; False where the system cannot."""
    if sys.platform != "linux":
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    return rename is not None and rename(_AT_FDCWD, os.fsencode(first), _AT_FDCWD, os.fsencode(second), _RENAME_EXCHANGE) == 0
