"""Sphinx configuration: Markdown pages by MyST. The pages also read well on their own."""

project = "snnsurrogate"
author = "the snnsurrogate developers"
copyright = "2026, the snnsurrogate developers"  # noqa: A001
extensions = ["myst_parser"]
myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_title = "snnsurrogate"
