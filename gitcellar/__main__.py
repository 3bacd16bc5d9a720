"""`python -m gitcellar`."""

from gitcellar.doors.cli.main import main

main()
