"""Networks with their task and recipe: keywords, the RNN-T, and the paper's claims."""
