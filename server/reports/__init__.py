"""Reports: what is kept of them, when they run, how a run is made, and the files that come of it."""
