"""How networks are fitted: batches, objectives' steps, schedules, devices, checkpoints and the run's folder."""
