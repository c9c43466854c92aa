"""Recordings, transcripts, synthetic speech and features; knows nothing of the chip."""
