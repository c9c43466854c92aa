"""`python -m pcmesh` is the program `pcmesh`."""

from pcmesh.cli import main

main()
