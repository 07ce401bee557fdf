"""The database: tables, the engine, and repositories with the queries."""
