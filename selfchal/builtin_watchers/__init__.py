"""The watchers that come with selfchal: the progress display, metrics.jsonl, and experiment trackers."""
