"""`python -m whyspend`."""

from whyspend.cli import main

main()
