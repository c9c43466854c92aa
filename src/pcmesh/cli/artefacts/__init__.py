"""Commands about chips, compiled networks and results."""
