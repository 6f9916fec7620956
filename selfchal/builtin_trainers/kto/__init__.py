"""KTO: passed episodes made likelier, failed ones unlikelier. ``config`` is light, the rest needs TRL."""
