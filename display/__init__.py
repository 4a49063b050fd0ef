"""What people and programs see of a run: a terminal, plain lines, an LSL outlet, a report."""
