"""TRL's GRPOTrainer fed by our rollouts. ``config`` is light, the rest needs torch and TRL."""
