"""A chip model as a folder, and back."""
