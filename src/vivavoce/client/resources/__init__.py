"""The operations of the client, by resource."""
