"""How the shipped RNN-T is trained."""
