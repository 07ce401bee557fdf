"""Routes for gradings: answers submitted, listed, reviewed and erased."""
