"""``python -m snnsurrogate`` is the command line."""

from snnsurrogate.cli import main

main()
