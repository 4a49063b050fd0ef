"""`eegseek compare`: a grid of encoders, objectives and subjects in one table."""
