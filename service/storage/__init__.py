"""The database: tables, the engine, and queries named for what they find."""
