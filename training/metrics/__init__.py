"""Scores as pure functions, each with its chance level; intervals over whole units, and tests."""
