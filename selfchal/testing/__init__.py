"""For plugin authors: conformance kits, the attack suite for sandboxes, and the gradient watch."""
