"""Two engines behind one meaning: `behavioural` (matrix products) and `clocked` (executes the microcode)."""
