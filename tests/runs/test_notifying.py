"""Messages, sent for real to a server on this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from results.history_case import written_run
from runs.message_server import Server, serving

from stresstest.errors import ExitCode, Fault, Reason, StressTestError
from stresstest.results.documents import read_document
from stresstest.results.limit_counts import LimitCounts
from stresstest.results.summary import Summary
from stresstest.runs.operators.notifying import check_addresses, message, occasions, send


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def summary(tmp_path_factory: pytest.TempPathFactory) -> Summary:
    """Amber, as of Friday 13 November 2026, 21:00 UTC."""
    return read_document(Summary, written_run(tmp_path_factory.mktemp("notify") / "run") / "summary.json")


def red(summary: Summary) -> Summary:
    return summary.model_copy(update={"status": summary.status.model_copy(update={"light": "red"})})


def test_what_there_is_to_tell(summary: Summary):
    green = summary.model_copy(update={"status": summary.status.model_copy(update={"light": "green"})})
    assert occasions(0, green, False) == set()
    assert occasions(0, summary, False) == {"amber"}
    assert occasions(5, red(summary), False) == {"red"}
    assert occasions(4, red(summary), False) == {"failure", "red"}
    assert occasions(0, red(summary), True) == set(), "told when it was made"
    for code in ExitCode:
        assert occasions(code, None, False) == (set() if code in (0, 5) else {"failure"})


def test_the_message_of_a_result_has_light_sentence_moment_and_id(summary: Summary):
    limits = LimitCounts(green=3, amber=1, red=2, unknown=0)
    title, text = message("Meridian", 5, red(summary).model_copy(update={"limits": limits}), None)
    assert title == "stresstest RED: Meridian"
    assert text.splitlines() == [
        summary.status.sentence,
        f"As of 2026-11-13 21:00 UTC, result {summary.result_id[:12]}, exit code 5.",
        "Limits: 2 red, 1 amber, 0 unknown, 3 green.",
    ]


def test_the_message_of_a_refusal_says_why_and_nothing_of_the_data():
    fault = Fault("unknown account", file="/srv/book/positions.parquet", table="positions", keys=("ACC-1",))
    error = StressTestError(Reason.INPUT_DATA, "the snapshot of ACC-1 is refused", [fault, fault])
    assert message("Meridian", 3, None, error) == ("stresstest FAILED: Meridian", "No result: input data (2 faults), exit code 3.")
    assert message("Meridian", 130, None, None)[1] == "No result: interrupted, exit code 130."
    assert message("Meridian", 1, None, None)[1] == "No result: internal error, exit code 1."


def test_a_result_without_its_pdf_is_told_as_complete(summary: Summary):
    lacking = StressTestError(Reason.ENVIRONMENT, "no PDF", [Fault("Pango is missing")])
    text = message("Meridian", 4, summary, lacking)[1]
    assert text.splitlines()[-1] == "The result is complete, but: environment (1 fault), see the log of the run."


def test_no_figure_and_no_name_of_an_account_is_in_a_message(summary: Summary):
    told = "\n".join(message("Meridian", 5, red(summary), None))
    for account in summary.worst_accounts:
        assert account.owner_id not in told.split()
        assert account.account_id not in told.split()
        assert f"{account.margin_shortfall:g}" not in told.split()


def test_every_address_gets_it_and_only_those_that_do_not_take_it_are_told(server: Server, caplog: pytest.LogCaptureFixture):
    gone = SecretStr("json://someone:secret@127.0.0.1:9/closed?cto=0.5")
    told = send([server.address("one"), server.address("no"), gone, server.address("two")], "a title", "a text", "warning")
    assert told == [
        "address 2 of notify (json://…) did not take the message",
        "address 3 of notify (json://…) did not take the message",
    ]  # fmt: skip
    assert [(each["title"], each["message"], each["type"]) for each in server.posted] == [("a title", "a text", "warning")] * 3
    assert caplog.text == ""


def test_nobody_waits_for_an_address_that_does_not_answer(server: Server):
    started = time.perf_counter()
    told = send([server.address("slow"), server.address("one")], "t", "m", "failure", patience=0.5)
    assert time.perf_counter() - started < 3.0
    assert told == ["address 1 of notify (json://…) gave no answer within 0.5 s"]
    assert [each["type"] for each in server.posted] == ["failure"]


def test_an_address_that_is_none_is_refused_and_not_shown():
    with pytest.raises(StressTestError) as refused:
        check_addresses([SecretStr("json://good.example"), SecretStr("teleporter://token"), SecretStr("slack://x")])
    assert refused.value.exit_code == ExitCode.CONFIGURATION
    assert [fault.what for fault in refused.value.faults] == [
        "address 2 (teleporter://…) is none that apprise understands",
        "address 3 (slack://…) is none that apprise understands",
    ]  # fmt: skip
