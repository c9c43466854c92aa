"""Which weights must be exact, and how many bits a chip is worth."""
