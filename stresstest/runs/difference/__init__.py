"""What changed between two runs: `diff`, and a run that is set against an earlier one."""
