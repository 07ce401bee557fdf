"""Nothing is lost, nothing is graded twice: real processes, real servers, and everything that can go wrong."""
