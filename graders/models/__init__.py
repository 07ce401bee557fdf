"""Models that run in this process, and the files of all models."""
