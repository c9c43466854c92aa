"""Capture by `torch.export`: every operation of the network is seen before it runs."""
