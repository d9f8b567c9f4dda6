"""Questions. One file each: a docstring that ends in "?", its SQL at the top, `run(data, **options) -> Table`."""
