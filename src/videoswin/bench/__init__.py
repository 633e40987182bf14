"""Benchmarks: a speed is a ratio to a peer measured in the same run, never an absolute promise."""
