"""The liquidation cascade in the answer that a person sees after a run."""

from __future__ import annotations

from stresstest.errors import counted
from stresstest.results.cascade import CascadeFigures


def cascade_lines(found: CascadeFigures, name: str) -> list[str]:
    """The worst cascade: who falls by the shock and who by the sales of others, what that adds to the loss, and what nobody pays.

    Args:
        found: of the worst scenario.
        name: what it is called.
    """
    feedback = f"{counted(found.accounts_liquidated_feedback, 'account')} more by sales" if found.accounts_liquidated_feedback else "none by sales"
    liquidated = f"{counted(found.accounts_liquidated_direct, 'account')} liquidated by the shock, {feedback}, in {counted(found.rounds, 'round')}"
    loss = f"uncollateralised loss {found.uncollateralised_loss_static:,.0f} before, {found.uncollateralised_loss:,.0f} after"
    if found.uncollateralised_loss >= 0.5:
        loss += f"; {found.uncovered:,.0f} of it paid by nobody" if found.uncovered >= 0.5 else "; all of it paid"
    lines = [f"Cascade          {name}: {liquidated}", f"                 {loss}"]
    if found.not_converged:
        lines.append(f"                 not at rest after the last round in {counted(found.not_converged, 'headline scenario')}")
    return lines
