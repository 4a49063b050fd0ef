"""Windows in, retrieved items out: encoders, galleries, scoring and the worker."""
