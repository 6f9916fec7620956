"""The HTML report of a run; reads the store and writes one self-contained page."""

from selfchal.report.page import write_report

__all__ = ["write_report"]
