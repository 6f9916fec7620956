"""The environments that come with selfchal, each reached through its entry point alone."""
