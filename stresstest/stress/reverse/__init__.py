"""The question asked backwards: how far a scenario or a factor must go until a target is hit."""
