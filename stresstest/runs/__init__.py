"""The whole pipeline as values and one call: plan, run, validate, explain."""
