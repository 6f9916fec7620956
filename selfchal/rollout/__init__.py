"""Conversations of a model with a task: the engine that batches them, and the agent that acts in them."""
