"""A foreign record -> Call. Pure: no input, no output."""
