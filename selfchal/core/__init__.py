"""The contracts: what environments, models, sandboxes, trainers and the rest promise each other."""
