"""The command that looks for what is wrong with a deployment, and says what to do about it."""
