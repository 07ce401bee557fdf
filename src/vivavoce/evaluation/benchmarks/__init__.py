"""Benchmarks of the judge, the queue and a worker."""
