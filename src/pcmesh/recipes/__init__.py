"""How the networks that ship were trained (`make train-kws`, `make train-rnnt`); not part of the public names."""
