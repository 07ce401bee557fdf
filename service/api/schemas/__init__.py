"""The request and response bodies of the API: a module for each resource, in a folder for each group."""
