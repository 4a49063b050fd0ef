"""Measurements: latency beside a peer, and the proof on real recordings."""
