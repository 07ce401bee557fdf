"""Files of answers in, files of results out."""
