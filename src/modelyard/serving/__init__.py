"""Our small replica server, for engines that bring none: HTTP, routes, and the batching that feeds the model."""
