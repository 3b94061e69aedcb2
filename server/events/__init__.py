"""The event as a value: its families, the rules for it, and how a conversation went."""
