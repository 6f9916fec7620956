"""DPO by TRL's DPOTrainer. ``config`` is light, the rest needs torch and TRL."""
