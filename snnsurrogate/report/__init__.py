"""Scores to figures, tables and one self-contained HTML page. The only room with matplotlib."""

from snnsurrogate.report._page import report as report
