"""The sandboxes that come with selfchal: where untrusted code runs."""
