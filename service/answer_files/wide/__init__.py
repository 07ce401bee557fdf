"""Tables with a row for each candidate and a column for each question."""
