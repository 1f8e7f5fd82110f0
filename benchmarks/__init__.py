"""Benchmarks: one command each, ratios and qualities against named peers measured in the same run."""
