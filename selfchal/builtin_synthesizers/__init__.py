"""The synthesizers that come with selfchal: the challenger of the paper and its baselines."""
