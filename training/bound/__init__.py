"""The bound: what an ideal observer of participant v1 reaches, beside what decoders reach."""
