"""Files of answers for a cohort: read, checked, mended and turned into items."""
