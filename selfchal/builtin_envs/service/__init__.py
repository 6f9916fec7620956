"""What retail and airline share beside their tables: data files, simulated users, grading."""
