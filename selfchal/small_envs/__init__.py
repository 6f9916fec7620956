"""``small_environment``: an environment of one's own out of a state and functions that read or write it."""
