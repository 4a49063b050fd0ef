"""Where EEG comes from: LSL, BrainFlow boards, recordings and a simulated participant."""
