"""The routes: each takes typed input, calls one function and returns its result."""
