"""The trainers that come with selfchal: pure losses, one loop a file."""
