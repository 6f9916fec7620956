"""The audit: are these tasks any good? Anybody's tasks are read, tried and reported on."""
