"""A simulated person who looks at pictures."""
