"""RFT: the paper's own learner, and distillation. ``config`` is light, the rest needs torch and TRL."""
