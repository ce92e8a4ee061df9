"""The first files of a new user: run file, margin file and scenario file for a snapshot, and an example snapshot where there is none."""
