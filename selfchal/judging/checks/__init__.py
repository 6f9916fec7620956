"""The checks past the paper's filter, and what they read of a task."""
