"""The same work done with what people use today, measured in the same run."""
