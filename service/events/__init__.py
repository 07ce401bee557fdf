"""Events: what callers are told of, in one log for each organisation."""
