"""Bodies of requests and replies about questions and rubrics."""
