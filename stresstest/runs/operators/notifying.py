"""The message that says how a run ended, and its way to those who are to know."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Literal

from pydantic import SecretStr

from stresstest.config.notify import Occasion
from stresstest.errors import ExitCode, Fault, Reason, StressTestError, counted
from stresstest.results.summary import Summary

PATIENCE = 30.0
"""Seconds after which nobody waits for an address any longer."""

Kind = Literal["failure", "warning"]
_LOGGERS = ("apprise", "urllib3.connectionpool")


def occasions(exit_code: int, summary: Summary | None, repeated: bool) -> set[Occasion]:
    """What there is to tell of an ending: a failure, a light. The light of a result that was there already was told when it was made."""
    found: set[Occasion] = set() if exit_code in (ExitCode.DONE, ExitCode.LIMIT_BREACHED) else {"failure"}
    if summary is not None and summary.status.light != "green" and not repeated:
        found.add(summary.status.light)
    return found


def message(book: str, exit_code: int, summary: Summary | None, error: StressTestError | None) -> tuple[str, str]:
    """Title and text: book, light with its sentence, moment, result and exit code; of a failure what was refused.

    It goes over other people's wires: no figures of accounts, no names of accounts or owners, no paths, no faults.
    """
    word = "FAILED" if summary is None else summary.status.light.upper()
    lines = []
    if summary is not None:
        moment = datetime.fromisoformat(summary.run.as_of).astimezone(UTC)
        limits = summary.limits
        lines += [summary.status.sentence, f"As of {moment:%Y-%m-%d %H:%M} UTC, result {summary.result_id[:12]}, exit code {exit_code}."]
        if limits.red or limits.amber or limits.unknown:
            lines.append(f"Limits: {limits.red} red, {limits.amber} amber, {limits.unknown} unknown, {limits.green} green.")
    else:
        lines.append(f"No result: {_why(exit_code, error)}, exit code {exit_code}.")
    if summary is not None and error is not None:
        lines.append(f"The result is complete, but: {error.reason.label} ({counted(len(error.faults), 'fault')}), see the log of the run.")
    return f"stresstest {word}: {book}", "\n".join(lines)


def _why(exit_code: int, error: StressTestError | None) -> str:
    if error is not None:
        return f"{error.reason.label} ({counted(len(error.faults), 'fault')})" if error.faults else error.reason.label
    return {ExitCode.INTERRUPTED: "interrupted", ExitCode.INTERNAL: "internal error"}.get(ExitCode(exit_code), "refused")


def check_addresses(urls: Sequence[SecretStr]) -> None:
    """Refuse addresses that are none of a service that apprise knows.

    Raises:
        StressTestError: configuration, with a fault for each, named by its number and never shown.
    """
    with _silent():
        from apprise import Apprise

        wrong = [number for number, url in enumerate(urls, start=1) if Apprise.instantiate(url.get_secret_value()) is None]
    hint = "See the services of apprise for how their addresses are written."
    faults = [
        Fault(f"address {number} ({scheme_of(urls[number - 1])}://…) is none that apprise understands", hint, path="notify.urls") for number in wrong
    ]
    if faults:
        raise StressTestError(Reason.CONFIGURATION, "the notification cannot be sent as asked", faults)


def send(urls: Sequence[SecretStr], title: str, text: str, kind: Kind, patience: float = PATIENCE) -> list[str]:
    """Send a message to every address at once, waiting no longer than `patience` seconds in all; a line for each that did not take it.

    The lines name an address by its number and kind of service: all else of it may be a secret.
    """
    pool = ThreadPoolExecutor(len(urls))
    with _silent():
        import apprise  # noqa: F401 - here, where its warnings about itself are heard by nobody

        sent = [pool.submit(_send, url.get_secret_value(), title, text, kind) for url in urls]
        done, _ = wait(sent, timeout=patience)
        pool.shutdown(wait=False, cancel_futures=True)
    return [
        f"address {number} of notify ({scheme_of(url)}://…) {_outcome(future) if future in done else f'gave no answer within {patience:g} s'}"
        for number, (url, future) in enumerate(zip(urls, sent, strict=True), start=1)
        if future not in done or future.exception() is not None or not future.result()
    ]


def scheme_of(url: SecretStr) -> str:
    """The kind of service of an address, which is all of it that may be shown."""
    found = re.match(r"[A-Za-z][A-Za-z0-9]*(?=://)", url.get_secret_value())
    return found[0].lower() if found else "?"


def _outcome(future: Future[bool]) -> str:
    error = future.exception()
    return "did not take the message" if error is None else f"did not take the message ({type(error).__name__})"


def _send(url: str, title: str, text: str, kind: Kind) -> bool:
    from apprise import Apprise, NotifyFormat, NotifyType

    service = Apprise()
    return bool(service.add(url)) and bool(
        service.notify(
            body=text, title=title, notify_type=NotifyType.FAILURE if kind == "failure" else NotifyType.WARNING, body_format=NotifyFormat.TEXT
        )
    )


@contextmanager
def _silent() -> Iterator[None]:
    """Libraries that send say what went wrong on their loggers and as warnings, with the address."""
    before = [(logger, logger.disabled) for logger in map(logging.getLogger, _LOGGERS)]
    for logger, _ in before:
        logger.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, disabled in before:
            logger.disabled = disabled
