"""The vectors that a network is calibrated with: made by running it, completed, and judged."""
