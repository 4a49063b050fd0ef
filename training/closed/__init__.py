"""Encoders that are fitted without gradients: their recipes, each choosing its options by inner splits."""
