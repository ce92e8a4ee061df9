from __future__ import annotations

import os
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from stresstest.errors import ExitCode, Fault, Reason, StressTestError
from stresstest.executors import Executor, ProcessExecutor, ThreadExecutor, make_executor


def square(x: int) -> int:
    return x * x


def slow_first(x: int) -> int:
    time.sleep(0.05 if x == 0 else 0)
    return x


def scaled(table: list[float], x: int) -> float:
    return table[x]


def refuse_three(x: int) -> int:
    if x == 3:
        raise StressTestError(Reason.INPUT_DATA, "three", [Fault("is three", keys=("3",))])
    return x


def environment_of_worker(_: int) -> tuple[str | None, str | None, bool]:
    return os.environ.get("POLARS_MAX_THREADS"), os.environ.get("NUMBA_NUM_THREADS"), os.getpid() != os.getppid()


def die(_: int) -> int:
    os._exit(9)


@pytest.fixture(scope="module", params=["threads 1", "threads 3", "processes 2"])
def executor(request: pytest.FixtureRequest):
    kind, workers = request.param.split()
    with make_executor(kind, int(workers)) as made:
        yield made


def test_results_come_in_the_order_of_items(executor: Executor):
    assert list(executor.map(square, range(20))) == [x * x for x in range(20)]
    assert list(executor.map(slow_first, range(8))) == list(range(8))


def test_no_items_no_results(executor: Executor):
    assert list(executor.map(square, [])) == []


def test_a_function_may_carry_a_table(executor: Executor):
    assert list(executor.map(partial(scaled, [0.5, 1.5, 2.5]), [2, 0])) == [2.5, 0.5]


def test_a_refusal_crosses_with_its_faults_and_the_executor_stays_usable(executor: Executor):
    results = executor.map(refuse_three, range(10))
    got = []
    with pytest.raises(StressTestError) as caught:
        got.extend(results)
    assert caught.value.exit_code == ExitCode.INPUT_REFUSED
    assert caught.value.faults[0].keys == ("3",)
    assert list(executor.map(square, [4])) == [16]


def test_items_in_flight_are_bounded():
    taken = []

    def items():
        for x in range(100):
            taken.append(x)
            yield x

    with ThreadExecutor(2) as executor:
        results = executor.map(square, items())
        assert next(results) == 0
        assert len(taken) <= 5
        results.close()


def test_stopping_early_drops_what_has_not_started():
    started = []
    gate = threading.Event()

    def wait(x: int) -> int:
        started.append(x)
        gate.wait(5)
        return x

    def interrupted():
        yield from range(3)
        raise KeyboardInterrupt

    with ThreadExecutor(2) as executor:
        threading.Timer(0.1, gate.set).start()
        with pytest.raises(KeyboardInterrupt):
            list(executor.map(wait, interrupted()))
    assert started == [0, 1]


def test_workers_give_each_library_one_thread():
    with ProcessExecutor(1) as executor:
        assert list(executor.map(environment_of_worker, [0])) == [("1", "1", True)]


def test_a_dead_worker_is_an_error_of_the_environment():
    with ProcessExecutor(1) as executor, pytest.raises(StressTestError) as caught:
        list(executor.map(die, [0]))
    assert caught.value.exit_code == ExitCode.ENVIRONMENT
    assert "--threads" in caught.value.hint


def test_functions_of_processes_lie_in_the_folder_that_was_given(tmp_path: Path):
    with make_executor("processes", 1, tmp_path) as executor:
        assert list(executor.map(square, [3])) == [9]
        assert [folder.name.startswith("stresstest-functions-") for folder in tmp_path.iterdir()] == [True]
    assert list(tmp_path.iterdir()) == []


def test_at_least_one_worker():
    with pytest.raises(ValueError, match="at least one worker"):
        ThreadExecutor(0)
