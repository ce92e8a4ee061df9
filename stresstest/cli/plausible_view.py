"""What `stresstest reverse --plausible` and `--worst-loss` print for people."""

from __future__ import annotations

from stresstest.cli.figures import money, percent
from stresstest.cli.output import printable, text_table
from stresstest.results.plausible import Plausible

_LISTED = 8


def plausible_text(found: Plausible) -> str:
    """The answer, how likely it is, what moves, what it is like, and the sample behind it."""
    parts = [_answer(found)]
    if found.moves:
        rows = [
            (
                printable(each.factor),
                percent(each.size, signed=True) if each.shift == "relative" else f"{each.size:+.4g}",
                f"{each.standard_deviations:+.2f}",
            )
            for each in found.moves[:_LISTED]
        ]
        more = f"\nand {len(found.moves) - _LISTED:,} more" if len(found.moves) > _LISTED else ""
        parts.append(text_table(("factor", "move", "standard deviations"), rows, frozenset((1, 2))).rstrip("\n") + more)
        parts.append(_likely(found))
    parts += [_by_slopes(found), _sample(found)]
    if found.file is not None:
        parts.append(f"written: {printable(found.file)}")
    return "\n\n".join(part for part in parts if part) + "\n"


def _answer(found: Plausible) -> str:
    unit = found.reporting_currency
    about = f"{found.figure_is} ({unit}): {money(found.figure_at_base)} at base"
    if found.question == "worst":
        assert found.figure is not None
        head = f"The worst of {printable(found.target)} within {found.within:g} standard deviations, {found.label}"
        return f"{head}:\n{about}, {money(found.figure)} there"
    amount = f" {unit}" if found.target.startswith(("cover-", "uncollateralised-loss")) else ""
    head = f"The likeliest move at which {printable(found.words)}{amount}"
    if found.distance is None:
        return f"{head}: not reachable within {found.within:g} standard deviations, in none of {found.directions:,} directions\n{about}"
    if found.figure_before is None:
        return f"{head}: hit at base, without any move\n{about}"
    return (
        f"{head}: {found.distance:.4f} standard deviations away, {found.label}\n"
        f"{about}, {money(found.figure_before)} just before, {money(found.figure or 0.0)} there"
    )


def _likely(found: Plausible) -> str:
    assert found.half_space is not None
    assert found.outside_ellipsoid is not None
    first = (
        f"half-space probability {found.half_space:.3g} (normal), {found.half_space_t or 0.0:.3g} (Student-t, {found.df:g} degrees of freedom); "
        f"outside the ellipsoid, whatever the direction: {found.outside_ellipsoid:.3g}"
    )
    lines = [first]
    if found.distance_correlated is not None:
        lines.append(f"with correlations of at least 0.9: {found.distance_correlated:.4f} standard deviations, to first order")
    near = [f"nearest event {found.nearest_event.name} ({found.nearest_event.scenario_id})"] if found.nearest_event else []
    near += [f"most like the day {found.nearest_day.date} of the sample (cosine {found.nearest_day.cosine:.2f})"] if found.nearest_day else []
    return "\n".join([*lines, *([printable("; ".join(near))] if near else [])])


def _by_slopes(found: Plausible) -> str:
    told = [
        f"{name} {value:.4f}"
        for name, value in (("by slopes alone", found.distance_linear), ("by slopes and curvature", found.distance_delta_gamma))
        if value is not None
    ]
    lines = [f"standard deviations {', '.join(told)}"] if told and found.question == "target" else []
    if found.box is not None and found.one_factor is not None:
        lines.append(
            f"by slopes, all {found.within:g} deviations against it: {money(found.box)}; the worst one factor alone: {money(found.one_factor)}"
        )
    if len(found.nearest_accounts) > 1:
        near = ", ".join(f"{each.account_id} {each.distance:.2f}" for each in found.nearest_accounts[:5] if each.distance is not None)
        lines += [printable(f"nearest accounts by slopes (standard deviations): {near}")] if near else []
    return "\n".join(lines)


def _sample(found: Plausible) -> str:
    used = found.covariance
    days = "day" if used.horizon_days == 1.0 else "days"
    factors = f"{len(used.factors):,} factor{'' if len(used.factors) == 1 else 's'}"
    sample = f"{used.moves:,} {used.returns} moves from {used.first} to {used.last} of {factors}, over {used.horizon_days:g} {days}"
    return f"covariance: {sample}; shrinkage {used.shrinkage:.3f}, condition number {used.condition:.3g}"
