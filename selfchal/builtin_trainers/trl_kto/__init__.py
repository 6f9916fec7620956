"""KTO by TRL's KTOTrainer. ``config`` is light, the rest needs torch and TRL."""
