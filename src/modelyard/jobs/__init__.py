"""Work in the background: one table, one loop, one set of routes for every kind of job."""
