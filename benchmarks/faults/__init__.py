"""Faults injected for real, one row a fault: ``eegseek bench faults`` (`benchmarks.faults.table` lists the rows)."""
