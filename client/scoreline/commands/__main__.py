"""`python -m scoreline.commands`."""

from scoreline.commands import main

main()
