"""Compile kernels lazily, with an on-disk cache where one can be written.

Flags: NaN and signed zero are waived (they let `max` vectorise and cannot change a finite result); reassociation, contraction and
reciprocals are not, because they change bits between processors. Loops release the GIL, so a thread pool over blocks scales. Kernels
allocate nothing (`_nrt=False`): callers bring every array, and no call counts references, which took a fifth of the time.

The cache is named after the text of all kernels: numba itself looks only at the file of the outer function, so a kernel that calls
one from a changed file would run with the old one inside it.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba

F = TypeVar("F", bound=Callable[..., Any])

_config: Any = numba.config  # its settings are made at run time, so no stub knows them
_types: Any = numba.types
_njit: Any = numba.njit  # `_nrt` is an option that no stub knows
_FLAGS = {"nnan", "nsz"}


def _places() -> Iterator[Path]:
    """Where a cache may be: the package, the user's cache, the temporary folder (a folder of this user's own)."""
    yield Path(__file__).parent / "__pycache__"
    user_cache = os.environ.get("XDG_CACHE_HOME")
    home = os.environ.get("HOME")
    if user_cache or home:
        yield Path(user_cache or Path(cast("str", home), ".cache")) / "stresstest"
    yield Path(tempfile.gettempdir()) / f"stresstest-{os.getuid() if hasattr(os, 'getuid') else 'user'}"


def _usable(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError:
        return False
    # Compiled code is run as it is found: never from a folder that someone else owns.
    return not hasattr(os, "getuid") or folder.stat().st_uid == os.getuid()


@lru_cache(maxsize=1)
def cache_folder() -> Path | None:
    """The folder of compiled kernels; None where nothing can be written (kernels are then compiled in every process)."""
    digest = hashlib.sha256(numba.__version__.encode())
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    for place in _places():
        folder = place / f"kernels-{digest.hexdigest()[:16]}"
        if _usable(folder):
            return folder
    return None


def part(function: F) -> F:
    """A function that only kernels call: it becomes part of each of them and is never compiled on its own, which would take as long again."""
    return function if _config.DISABLE_JIT else cast("F", _njit(inline="always", error_model="numpy", _nrt=False)(function))


def _compiled_once(dispatcher: Any) -> Any:
    """Calls from other kernels ask for 64-bit integers and plain flags, whatever they pass: one compiled form, where each constant and width had its
    own, which took more than half of the time.
    """
    of_types = dispatcher.get_call_template

    def plain(given: Any) -> Any:
        found = _types.unliteral(given)
        return _types.int64 if isinstance(found, _types.Integer) else found

    dispatcher.get_call_template = lambda args, kws: of_types(tuple(map(plain, args)), kws)
    return dispatcher


def kernel(function: F) -> F:
    """The function, compiled on its first call."""
    if _config.DISABLE_JIT:
        return function
    folder = cache_folder()
    before = _config.CACHE_DIR
    _config.CACHE_DIR = "" if folder is None else str(folder)
    try:
        # The place of the cache is read when the decorator is applied.
        compiled = _njit(nogil=True, error_model="numpy", fastmath=_FLAGS, cache=folder is not None, _nrt=False)(function)
        return cast("F", _compiled_once(compiled))
    finally:
        _config.CACHE_DIR = before
