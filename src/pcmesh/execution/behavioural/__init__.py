"""The fast engine: charges by exact integer matrix products, any batch in any order."""
