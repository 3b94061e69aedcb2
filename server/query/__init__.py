"""Questions, each answered from one snapshot."""
