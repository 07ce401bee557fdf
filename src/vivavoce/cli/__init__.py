"""The `viva` command line: parses options, calls the packages below, and prints what they return."""
