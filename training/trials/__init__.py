"""What is learned from: windows gathered into trials, kept in folders, averaged over repeats, split without leaks."""
