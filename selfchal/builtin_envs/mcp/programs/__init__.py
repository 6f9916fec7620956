"""Programs that are run and never imported; they need Python alone."""
