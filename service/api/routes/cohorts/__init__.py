"""Routes for cohorts: their answers, files, results, candidates and analyses."""

from . import analyses, candidates, files, items, lifecycle, mappings, regrades, results

ROUTERS = (
    lifecycle.router,
    items.router,
    files.router,
    mappings.router,
    results.router,
    candidates.router,
    analyses.router,
    regrades.router,
)
