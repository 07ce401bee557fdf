"""Benchmarks: what the product promises, measured on the machine at hand."""
