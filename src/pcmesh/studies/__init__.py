"""Studies of the chip: the paper's claims, tables of mappings, what-ifs; not part of the public names."""
