"""EEG encoders: windows (n, channels, times) in, embeddings (n, dim) out."""
