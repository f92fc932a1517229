"""Runs compared, and whether partitioning pays: paired errors, one operator for all, random partitions."""
