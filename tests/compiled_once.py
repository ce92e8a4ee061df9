"""Kernels in a checkout that has not compiled them yet: each by one of several test processes, side by side."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numba
import pytest
from filelock import FileLock
from numba.core.dispatcher import Dispatcher

from stresstest.margin.kernels import fold, reduce
from stresstest.margin.kernels.jit import cache_folder


class _ReachedError(Exception):
    """Compilation has the types that it needs."""


@contextmanager
def compiled_once() -> Iterator[None]:
    """One process compiles a kernel, the others wait and load it: compiling takes a minute, and numba would let every process do all of it.

    Does nothing in a test run of one process, or of interpreted kernels.
    """
    worker, folder = os.environ.get("PYTEST_XDIST_WORKER"), cache_folder()
    if worker is None or folder is None or numba.config.DISABLE_JIT:
        yield
        return
    compile_it = Dispatcher.compile

    @lru_cache
    def lock_of(name: str) -> FileLock:
        return FileLock(folder / f"{name}.lock")

    def compile_alone(kernel: Any, types: Any) -> Any:
        if not kernel.__module__.startswith("stresstest."):
            return compile_it(kernel, types)
        # A kernel locks those that it calls, and none calls back: nobody waits in a circle.
        with lock_of(f"{kernel.__module__}.{kernel.__name__}"):
            return compile_it(kernel, types)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Dispatcher, "compile", compile_alone)
        # Every other process begins with the second of the two largest, of which it has the types from a call that stops there.
        if int(worker.removeprefix("gw")) % 2 == 1:
            reduce._evaluate.compile(_types_of_evaluate())
        _warm_up()
        yield


def _warm_up() -> None:
    from stresstest.stress.warm_up import warm_up

    warm_up()


def _types_of_evaluate() -> tuple[Any, ...]:
    found: list[tuple[Any, ...]] = []

    def evaluate(*arguments: Any) -> None:
        found.append(tuple(map(numba.typeof, arguments)))
        raise _ReachedError

    with pytest.MonkeyPatch.context() as patched, pytest.raises(_ReachedError):
        patched.setattr(fold, "_fold_all", lambda *_: None)
        patched.setattr(reduce, "_evaluate", evaluate)
        _warm_up()
    return found[0]
