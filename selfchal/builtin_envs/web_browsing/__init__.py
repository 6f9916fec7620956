"""The Web Browsing environment: a small site of linked pages, a few lines at a time, after M3ToolEval."""
