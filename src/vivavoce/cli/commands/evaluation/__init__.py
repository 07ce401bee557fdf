"""Commands that measure, qualify and calibrate."""
