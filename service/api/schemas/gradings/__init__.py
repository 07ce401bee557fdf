"""Bodies of requests and replies about gradings: answers submitted, listed, reviewed and erased."""
