"""Files and windows: datasets on disk, splits, grids, training pairs."""
