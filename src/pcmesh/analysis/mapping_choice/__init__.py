"""Which mapping to choose: what every way of a layer costs, and the best within limits."""
