"""What a network loses on the chip, which weights must be exact, which mapping to choose."""
