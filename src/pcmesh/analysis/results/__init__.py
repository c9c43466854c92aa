"""Results read again: what they say of themselves, and two side by side."""
