"""What can be said of model-written source by reading it, and how it is rewritten for a check."""
