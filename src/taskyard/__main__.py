"""`python -m taskyard`."""

from taskyard.cli import main

main()
