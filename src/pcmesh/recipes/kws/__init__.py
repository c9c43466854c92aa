"""How the shipped keyword network is trained."""
