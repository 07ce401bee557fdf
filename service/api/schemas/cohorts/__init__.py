"""Bodies of requests and replies about cohorts: their answers, files, results, candidates and analyses."""
