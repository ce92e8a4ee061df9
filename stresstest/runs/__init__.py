"""A run as values and one call: plan, execute, validate, explain. Import from its modules, so that each needs only its own."""
