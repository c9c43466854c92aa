"""Published behaviours of a chip as records, and whether what its twin shows agrees with them."""
