"""Liquidation cascades: what forced sales do to prices, round by round (docs/methodology.md, section 17)."""
