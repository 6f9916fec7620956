"""The sandbox for machines with a container engine: the same runner inside locked-down containers."""
