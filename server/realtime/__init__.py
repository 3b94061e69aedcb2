"""The numbers of the last minutes, and the stream of every revision."""
