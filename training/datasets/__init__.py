"""The field's datasets: readers of their exact formats, conversion, and generators of small files in them."""
