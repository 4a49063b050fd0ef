"""A guided live session: find, fit, calibrate, use, report."""
