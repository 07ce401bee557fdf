"""What the service replies, as typed values. Unknown fields and words are kept, so that a newer service can be read."""
