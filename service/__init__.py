"""Takes answers in, keeps them through their life, and shows reports."""
