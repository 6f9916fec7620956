"""The HTML report of a run; reads the store and writes one self-contained page."""
