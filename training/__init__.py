"""Fitting and scoring decoders on windows cut by the very chain that runs live."""
