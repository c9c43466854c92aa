"""Capture of networks that `torch.export` cannot trace: their own code runs, and its operations are seen."""
