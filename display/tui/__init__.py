"""The live view for terminals."""
