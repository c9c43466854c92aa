"""From recordings to text in software."""
