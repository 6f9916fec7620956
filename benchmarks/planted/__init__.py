"""Sound tasks for every built-in environment, and faults planted in them, for measuring the judge."""
