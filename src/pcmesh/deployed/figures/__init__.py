"""What a compiled network takes: tiles, steps, time, energy; and how noisy it is."""
