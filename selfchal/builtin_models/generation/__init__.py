"""Batched multi-turn generation over any transformers decoder: cache, sampling, stops, the loop."""
