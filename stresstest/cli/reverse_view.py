"""What `stresstest reverse` prints for people."""

from __future__ import annotations

from stresstest.cli.figures import NOTHING, money, number, percent
from stresstest.cli.output import printable, shortened, text_table
from stresstest.errors import counted
from stresstest.runs.reverse.report import Answer, ReverseReport, StoryDocument
from stresstest.stress.reverse.story import chance


def reverse_text(report: ReverseReport) -> str:
    """A table a kind of direction, and the story of the smallest shock of each."""
    target = report.target
    unit = f" {report.reporting_currency}" if target.unit != "accounts" and target.threshold is not None else ""
    parts = [f"The smallest shock at which {printable(target.words)}{unit}:"]
    for kind in ("scenario", "factor"):
        answers = [each for each in report.answers if each.kind == kind]
        if answers:
            parts.append(_table(answers, report))
            if answers[0].story is not None:
                parts.append(f"{shortened(printable(answers[0].along))}: {_story(answers[0].story)}")
    if report.file is not None:
        parts.append(f"written: {printable(report.file)}")
    return "\n\n".join(parts) + "\n"


def _table(answers: list[Answer], report: ReverseReport) -> str:
    unit = "accounts" if report.target.unit == "accounts" else report.reporting_currency
    scenario = answers[0].kind == "scenario"
    header = ("along", "multiple" if scenario else "shift", *(() if scenario else ("level",)), f"just before ({unit})", f"there ({unit})", "")
    rows = [
        (
            shortened(each.along),
            _size(each),
            *(() if scenario else (number(each.right.level) if each.right else NOTHING,)),
            _figure(each.left.figure, report) if each.left else NOTHING,
            _figure(each.right.figure, report) if each.right else NOTHING,
            _remark(each),
        )
        for each in answers
    ]
    return text_table(header, rows, frozenset(range(1, len(header) - 1)))


def _figure(figure: float, report: ReverseReport) -> str:
    return f"{figure:,.0f}" if report.target.unit == "accounts" else money(figure)


def _at(each: Answer, size: float) -> str:
    if each.kind == "scenario":
        return f"{size:.6g}"
    return f"{100.0 * size:+.6g}%" if each.shift_type == "relative" else f"{size:+.6g}"


def _size(each: Answer) -> str:
    return _at(each, each.right.at) if each.outcome == "reached" and each.right else NOTHING


def _remark(each: Answer) -> str:
    if each.outcome == "at base":
        return "hit at base, without any shock"
    if each.outcome == "reached":
        return "jump" if each.jump else ""
    stopped = f" (beyond it {each.stopped})" if each.stopped else ""
    return f"not reachable within {_at(each, each.searched_to)}{stopped}"


def _story(story: StoryDocument) -> str:
    moves = ", ".join(f"{move.asset} {percent(move.change, signed=True)}" for move in story.largest_moves)
    more = f" and {story.moved - len(story.largest_moves):,} more" if story.moved > len(story.largest_moves) else ""
    parts = [f"largest moves {moves}{more}." if moves else "moves no price."]
    if event := story.nearest_event:
        parts.append(f"Nearest event: {event.name} ({event.scenario_id}), {event.distance:.4g} apart over {counted(event.assets, 'asset')}.")
    if far := story.plausibility:
        parts.append(f"{far.distance:.2f} standard deviations away, half-space probability {chance(far.half_space_probability)} ({far.sample}).")
    else:
        parts.append(f"No plausibility: {story.why_no_plausibility}.")
    return printable(" ".join(parts))
