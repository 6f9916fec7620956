"""What Calculation and Web Browsing share of M3ToolEval (xingyaoww/code-act, d607f56): its data, its
action formats, its observations and its answer check, quirks included (the ``compat`` profile)."""
