"""How an answer is written: each file is `write(table, out, **options)`; `_` files are shared."""
