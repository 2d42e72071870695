"""Benchmarks: speed as ratios within one run, and memory."""
