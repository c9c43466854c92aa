"""Commands of single workloads and studies."""
