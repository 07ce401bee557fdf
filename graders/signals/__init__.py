"""What models and word overlap find in an answer, for each level of each criterion."""
