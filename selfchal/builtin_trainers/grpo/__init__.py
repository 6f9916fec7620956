"""GRPO: critic-free policy gradient with a group baseline. ``config`` is light, the rest needs torch."""
