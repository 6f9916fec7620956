"""PPO: policy gradient with a learnt critic. ``config`` is light, the rest needs torch."""
