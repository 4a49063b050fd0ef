"""A decoder that is trained while its data arrive, and what may be said of it meanwhile."""
