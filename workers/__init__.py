"""Background workers: threads in the service, Celery processes, or one call for a file of answers."""
