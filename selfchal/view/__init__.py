"""``selfchal view``: runs in a browser, live, from this machine alone.

Pages are made here out of the stores; a little script redraws what changed. Nothing is asked of the network,
and whatever a model or a stranger wrote is text on a page, never markup.
"""

from selfchal.view.serving import serve

__all__ = ["serve"]
