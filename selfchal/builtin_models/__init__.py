"""The models that come with selfchal."""
