"""Where calls come from. One file each: `read(window, **options)` yields batches."""
