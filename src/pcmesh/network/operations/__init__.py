"""One record for every operation of a network: its rule, cost, sign and rewriting."""
