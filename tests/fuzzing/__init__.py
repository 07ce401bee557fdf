"""schemathesis on a running service: `python -m tests.fuzzing` for the long run."""
