"""Routes for questions and rubrics."""
