"""Speed and size, measured as ratios within one run. `python -m bench` runs all of it."""
