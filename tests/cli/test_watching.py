"""`run` tells a metrics file and a server how it ended, and nobody the addresses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from runs.message_server import Server, serving

from stresstest.runs.operators import watch

pytestmark = pytest.mark.usefixtures("made_once")

SECRET = "tok3n-of-the-channel"


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def book(run_file: Path, tmp_path: Path) -> Path:
    """The run file of a copy of the plain book, which has an owner in default: red."""
    folder = Path(shutil.copytree(run_file.parent, tmp_path / "book"))
    return folder / "run.yaml"


def with_keys(run_file: Path, *lines: str) -> None:
    run_file.write_text("\n".join((run_file.read_text(), *lines)) + "\n")


def address(server: Server) -> str:
    return f"{server.address(SECRET).get_secret_value()}"


def metrics(file: Path) -> dict[str, float]:
    """Metrics without other labels than the book, which must be one."""
    samples = [each for family in text_string_to_metric_families(file.read_text()) for each in family.samples]
    assert {each.labels["book"] for each in samples} == {"plain"}
    return {each.name.removeprefix("stresstest_"): each.value for each in samples if len(each.labels) == 1}


def test_a_red_run_is_told_and_the_address_is_nowhere(stresstest, book: Path, server: Server, tmp_path: Path):
    with_keys(
        book, "book: plain", "metrics: stress.prom", "notify:", f"  urls: [{address(server)}]", "  # an old one: json://127.0.0.1/older", "  on: red"
    )
    done = stresstest("run", book, "--out", "out", "--fail-on", "red", "--log-file", "log.jsonl", "-v", "--json")
    assert done.returncode == 5
    (told,) = server.posted
    assert (told["title"], told["type"]) == ("stresstest RED: plain", "failure")
    assert "exit code 5" in told["message"]
    found = metrics(book.parent / "stress.prom")
    assert (found["last_run_exit_code"], found["light"]) == (5, 2)
    assert found["last_success_timestamp_seconds"] == found["last_run_timestamp_seconds"]
    written = [file.read_bytes() for folder in (tmp_path / "out", tmp_path) for file in folder.rglob("*") if file.is_file() and file != book]
    for place in (done.stdout.encode(), done.stderr.encode(), *written):
        assert SECRET.encode() not in place
        assert b"json://127.0.0.1/older" not in place
    copy = (tmp_path / "out" / "inputs" / "run.yaml").read_text()
    assert copy.endswith("book: plain\nmetrics: stress.prom\n# notify: left out, addresses are secrets\n")
    assert json.loads((tmp_path / "out" / "inputs" / "run.json").read_text()).keys().isdisjoint({"notify", "metrics"})
    assert stresstest("run", book, "--out", "out", "--fail-on", "red", "-q").returncode == 5
    assert len(server.posted) == 1, "complete already, and told when it was made"


def test_a_refused_snapshot_is_told_as_failure_and_the_last_success_stays(stresstest, book: Path, server: Server):
    with_keys(book, "book: plain", "metrics: stress.prom")
    stresstest("run", book, "--out", "out", "-q")
    before = metrics(book.parent / "stress.prom")
    (book.parent / "snapshot" / "positions.parquet").unlink()
    done = stresstest("run", book, "--out", "other", "-q", STRESSTEST_NOTIFY=address(server))
    after = metrics(book.parent / "stress.prom")
    assert (done.returncode, after["last_run_exit_code"]) == (3, 3)
    assert after["last_success_timestamp_seconds"] == before["last_success_timestamp_seconds"]
    (told,) = server.posted
    assert (told["title"], told["message"]) == ("stresstest FAILED: plain", "No result: input data (1 fault), exit code 3.")


def test_settings_that_are_refused_are_told_to_those_who_can_be_made_out(stresstest, book: Path, server: Server):
    with_keys(book, "book: plain", f"notify: {address(server)}", "metrics: stress.prom", "kep: worst")
    done = stresstest("run", book, "-q")
    assert done.returncode == 2
    assert [each["message"] for each in server.posted] == ["No result: configuration (1 fault), exit code 2."]
    assert metrics(book.parent / "stress.prom")["last_run_exit_code"] == 2
    book.write_text("snapshot: [")
    done = stresstest("run", book, "-q", STRESSTEST_NOTIFY=address(server), STRESSTEST_METRICS="other.prom", STRESSTEST_BOOK="plain")
    assert done.returncode == 2
    assert len(server.posted) == 2
    assert metrics(Path("other.prom"))["last_run_exit_code"] == 2


def test_what_is_not_asked_about_is_not_told(stresstest, book: Path, server: Server):
    with_keys(book, f"notify: {{urls: {address(server)}, on: [failure]}}")
    assert stresstest("run", book, "--out", "out", "-q").returncode == 0
    assert stresstest("run", book, "--out", "out", "--dry-run", "--set", "keep=none").returncode == 2
    assert server.posted == []


def test_who_does_not_answer_and_a_file_that_cannot_be_written_are_warnings(stresstest, book: Path):
    with_keys(book, "book: plain", "metrics: nowhere/stress.prom", f"notify: json://127.0.0.1:9/{SECRET}?cto=0.5")
    done = stresstest("run", book, "--out", "out", "-q")
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        f"warning: the metrics {book.parent}/nowhere/stress.prom are not written: No such file or directory",
        "warning: address 1 of notify (json://…) did not take the message",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("lines", "code", "told"),
    [
        (["metrics: stress.txt"], 2, "must be a file whose name ends in .prom, not 'stress.txt'"),
        (["metrics: stress.prom"], 2, "`metrics` needs a book, which is its label"),
        ([f"notify: [json://good.example, {SECRET}]"], 2, "number 2 of 2 is no address (it is not shown: it may be a secret)"),
        (["notify: 5"], 2, "must be a mapping of keys to values, not 5"),
        ([f"notify: {{urls: [], on: ['json://{SECRET}']}}"], 2, "names an address (it is not shown: it may be a secret)"),
        ([f"notify: teleporter://{SECRET}"], 2, "address 1 (teleporter://…) is none that apprise understands"),
        ([f"notify: {{url: 'json://{SECRET}'}}"], 2, "unknown key `url`. Did you mean `urls`?"),
    ],
)
def test_what_is_wrong_is_refused_before_anything_is_computed(stresstest, book: Path, lines: list[str], code: int, told: str):
    with_keys(book, *lines)
    done = stresstest("run", book, "--out", "out", "--log-file", "log.jsonl")
    assert done.returncode == code
    assert told in done.stderr
    assert SECRET not in done.stderr + done.stdout + Path("log.jsonl").read_text()
    assert not Path("out").exists()


def test_addresses_do_not_belong_on_a_command_line(stresstest, book: Path):
    for words in (["--set", f"notify.urls=slack://{SECRET}"], [f"--set=notify=slack://{SECRET}"]):
        done = stresstest("run", book, *words, "--log-file", "log.jsonl")
        assert done.returncode == 2
        assert "addresses are secrets, and a command line is seen by everybody on the machine. Set the variable STRESSTEST_NOTIFY" in done.stderr
        assert SECRET not in done.stderr + Path("log.jsonl").read_text()


@pytest.mark.parametrize(("key", "line"), [("metrics", "metrics: a.prom"), ("notify", "notify: json://127.0.0.1")])
def test_a_missing_extra_is_refused_with_the_line_that_installs_it(stresstest, book: Path, monkeypatch: pytest.MonkeyPatch, key: str, line: str):
    monkeypatch.setattr(watch, "has", lambda extra: extra != key)
    with_keys(book, "book: plain", line)
    done = stresstest("run", book, "--out", "out", "-q")
    assert done.returncode == 4
    module, asked = watch.EXTRAS[key]
    assert f'`{key}` needs the package {module.replace("_", "-")}, which is not installed. python -m pip install "{asked}"' in done.stderr
    assert not Path("out").exists()
