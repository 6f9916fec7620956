"""DPO: passed episodes preferred to failed ones. ``config`` is light, the rest needs torch and TRL."""
