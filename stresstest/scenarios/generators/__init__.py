"""Generators: families of scenarios from a few lines of a scenario file, written out as ordinary scenarios."""
