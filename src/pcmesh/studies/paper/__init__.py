"""The paper as one command: each of its claims beside what pcmesh computes, simulates, fits, or only quotes."""
