"""Judge servers that ship with vivavoce: the embedded engine, and a stub for tests."""
