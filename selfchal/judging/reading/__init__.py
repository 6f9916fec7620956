"""Who decides what words alone cannot: a sentence encoder, a model that reads, or attempts by a solver."""
