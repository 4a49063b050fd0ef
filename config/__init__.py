"""Typed settings, presets, and the schemas and safe readers of bundles. Imports nothing of ours."""
