"""Pages: self-contained HTML, rendered only from a result."""
