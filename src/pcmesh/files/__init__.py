"""Reading and writing files: whole or not at all, checked, with one clear error."""
