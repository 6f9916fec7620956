"""The Calculation environment: four families of small tools, after M3ToolEval (paper, section 5.1)."""
