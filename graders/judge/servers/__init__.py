"""Judge servers that come with vivavoce: the embedded engine, and a stub for tests."""
