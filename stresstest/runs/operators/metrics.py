"""How the last run ended, as a text file for the textfile collector of Prometheus' node exporter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from stresstest import __version__
from stresstest.results.light import LIGHTS
from stresstest.results.summary import Summary

PATIENCE = 10.0
"""Seconds that a run waits for another one that writes the same file; each needs a hundredth of one."""

LAST_RUN = "stresstest_last_run_"
"""Metrics that every run renews, also one that fails; the others stay what the last complete result gave."""


@dataclass(frozen=True)
class Metric:
    """A gauge: its name, what it is, and its labels besides `book`."""

    name: str
    doc: str
    labels: tuple[str, ...] = ()


METRICS = (
    Metric(f"{LAST_RUN}timestamp_seconds", "When the last run ended, whatever its end"),
    Metric(f"{LAST_RUN}exit_code", "Its exit code"),
    Metric(f"{LAST_RUN}duration_seconds", "How long it took"),
    Metric(f"{LAST_RUN}peak_memory_bytes", "Largest resident size of it or of one of its processes"),
    Metric("stresstest_last_success_timestamp_seconds", "When a run last had a complete result (exit code 0 or 5, or 4 with the result there)"),
    Metric("stresstest_snapshot_timestamp_seconds", "Moment of the snapshot of that result"),
    Metric("stresstest_snapshot_age_seconds", "How old the snapshot was when that run ended"),
    Metric("stresstest_light", "Its status light: 0 green, 1 amber, 2 red"),
    Metric("stresstest_accounts", "Accounts by status, at base and in the worst headline scenario", ("scenario", "status")),
    Metric("stresstest_owners_in_default", "Owners in default", ("scenario",)),
    Metric("stresstest_margin_shortfall", "Sum of margin shortfalls, in reporting currency", ("scenario", "currency")),
    Metric("stresstest_uncollateralised_loss", "Sum of uncollateralised losses, in reporting currency", ("scenario", "currency")),
    Metric("stresstest_cover", "Cover-1 and Cover-2 (label `owners`), in reporting currency", ("owners", "basis", "currency")),
    Metric("stresstest_resources", "What stands behind a default; absent where nothing is stated", ("currency",)),
    Metric("stresstest_excluded_accounts", "Accounts left out of the result"),
    Metric("stresstest_data_checks", "Data checks by result", ("result",)),
    Metric("stresstest_limits", "Limits by status", ("status",)),
    Metric("stresstest_info", "Always 1; the version that made the result", ("version",)),
)


@dataclass(frozen=True)
class Sample:
    """A value of a metric; `labels` include `book`."""

    name: str
    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True)
class Ended:
    """How a run ended: when, with which exit code, after how many seconds, with how much memory (bytes); `summary` of its complete result, if any."""

    book: str
    finished: datetime
    exit_code: int
    seconds: float
    peak_memory: int
    summary: Summary | None


def write_metrics(file: Path, ended: Ended) -> None:
    """Write the metrics of a run, whole or not at all.

    Of a run without a result what the file says of the last complete one stays; so does what it says of other books. Names of accounts and owners are
    never in it.

    Raises:
        OSError: the file cannot be written.
        ValueError: it is there and is no text file of metrics.
    """
    from prometheus_client import CollectorRegistry, Gauge, write_to_textfile

    known = {metric.name: metric for metric in METRICS}
    registry = CollectorRegistry()
    with _alone(file):
        samples = [*_kept(file, ended, known), *_samples(ended)]
        for metric in METRICS:
            own = [sample for sample in samples if sample.name == metric.name]
            if own:
                gauge = Gauge(metric.name, metric.doc, ("book", *metric.labels), registry=registry)
                for sample in own:
                    gauge.labels(**sample.labels).set(sample.value)
        write_to_textfile(str(file), registry)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """While runs of other books that share the file wait: what one of them read would be written over what the other wrote.

    Raises:
        OSError: the folder is not there or takes no file, or another run has held the file for `PATIENCE` seconds.
    """
    file.parent.stat()  # the lock would make the folder, and a collector that looks elsewhere would say nothing
    lock = FileLock(file.with_name(f".{file.name}.lock"), timeout=PATIENCE)
    with lock:
        try:
            yield
        finally:
            # Removed while held: whoever opened it meanwhile sees that its file is gone and asks again.
            Path(lock.lock_file).unlink(missing_ok=True)


def _samples(ended: Ended) -> Iterator[Sample]:
    def sample(name: str, value: float, **labels: str) -> Sample:
        return Sample(name, {"book": ended.book, **labels}, value)

    yield sample(f"{LAST_RUN}timestamp_seconds", ended.finished.timestamp())
    yield sample(f"{LAST_RUN}exit_code", ended.exit_code)
    yield sample(f"{LAST_RUN}duration_seconds", ended.seconds)
    yield sample(f"{LAST_RUN}peak_memory_bytes", ended.peak_memory)
    summary = ended.summary
    if summary is None:
        return
    as_of, currency = datetime.fromisoformat(summary.run.as_of), summary.run.reporting_currency
    yield sample("stresstest_last_success_timestamp_seconds", ended.finished.timestamp())
    yield sample("stresstest_snapshot_timestamp_seconds", as_of.timestamp())
    yield sample("stresstest_snapshot_age_seconds", (ended.finished - as_of).total_seconds())
    yield sample("stresstest_light", LIGHTS.index(summary.status.light))
    for scenario, figures in (("base", summary.base), ("worst", summary.worst)):
        if figures is not None:
            for status, accounts in figures.accounts.items():
                yield sample("stresstest_accounts", accounts, scenario=scenario, status=status)
            yield sample("stresstest_owners_in_default", figures.owners_in_default, scenario=scenario)
            yield sample("stresstest_margin_shortfall", figures.margin_shortfall, scenario=scenario, currency=currency)
            yield sample("stresstest_uncollateralised_loss", figures.uncollateralised_loss, scenario=scenario, currency=currency)
    if summary.headline_scenarios:
        for basis, covers in summary.cover.items():
            for owners, cover in (("1", covers.cover_1), ("2", covers.cover_2)):
                yield sample("stresstest_cover", cover.amount, owners=owners, basis=basis, currency=currency)
    if summary.resources is not None:
        yield sample("stresstest_resources", summary.resources.total, currency=currency)
    yield sample("stresstest_excluded_accounts", summary.counts.excluded_accounts)
    for result, checks in summary.checks.items():
        yield sample("stresstest_data_checks", checks, result=result)
    for colour in ("green", "amber", "red", "unknown"):
        yield sample("stresstest_limits", getattr(summary.limits, colour), status=colour)
    yield sample("stresstest_info", 1, version=__version__)


def _kept(file: Path, ended: Ended, known: Mapping[str, Metric]) -> list[Sample]:
    """What the file says already and this run does not renew."""
    from prometheus_client.parser import text_string_to_metric_families

    if not file.exists():
        return []
    families = text_string_to_metric_families(file.read_text(encoding="utf-8"))
    found = [Sample(each.name, each.labels, each.value) for family in families for each in family.samples]
    return [
        each
        for each in found
        if each.name in known
        and set(each.labels) == {"book", *known[each.name].labels}
        and (each.labels["book"] != ended.book or (ended.summary is None and not each.name.startswith(LAST_RUN)))
    ]
