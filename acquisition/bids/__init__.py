"""From the journals of a session to a BIDS recording (BrainVision) that MNE and mne-bids open."""
