"""Synthetic and prompted speech, and the rooms and noises in which it is heard."""
