"""Conversations of a model with a task: the rollout that batches them, and the agent that acts in them."""
