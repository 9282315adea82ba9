"""What became of each escape in this run of the tests: `proven`, `unproven: reason`, or not contained."""

TALLY: dict[str, str] = {}
