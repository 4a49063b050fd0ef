"""How decoders are scored: the field's protocols, their splits, and what is refused because it leaks."""
