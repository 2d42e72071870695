"""`python -m agent`: the command line, without the bootstrap."""

from agent.cli import main

main()
