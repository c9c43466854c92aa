"""Making a programmed chip compute the network's numbers: ranges, column slopes and offsets, bias rows, ReLU trim."""
