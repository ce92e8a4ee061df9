"""The cascade of a run: every scenario followed to its end, some looked at closely, and who pays."""
