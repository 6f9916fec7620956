"""Users that are simulated: played by a model, or by a script that needs none."""
