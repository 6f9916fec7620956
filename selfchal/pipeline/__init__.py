"""The loop of the paper over a manifest, and each of its stages; everything that is stored of a run."""
