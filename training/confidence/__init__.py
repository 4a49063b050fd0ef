"""How sure an answer may be: calibration, the relevance filter, novelty, and corrections without labels."""
