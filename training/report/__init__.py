"""The HTML report of an evaluation: tables, curves, maps, and the published numbers beside ours."""
