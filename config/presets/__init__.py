"""Settings for common set-ups, as TOML."""
