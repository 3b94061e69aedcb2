"""What is counted: measures and ratios, dimensions' cells, and how events become numbers."""
