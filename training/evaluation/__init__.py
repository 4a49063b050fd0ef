"""`eegseek evaluate`: protocols run on a bundle, their rows, and what treatments of the data do to them."""
