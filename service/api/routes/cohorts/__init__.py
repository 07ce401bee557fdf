"""Routes for cohorts: their answers, files, results, candidates and analyses."""
