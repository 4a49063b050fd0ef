"""The dashboard: what a display knows, in a browser."""
