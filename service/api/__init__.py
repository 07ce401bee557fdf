"""The routes. Each takes typed input, calls one function and returns its result."""
