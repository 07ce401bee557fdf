"""Who may call the API and do what: organisations, keys, roles and scopes."""
