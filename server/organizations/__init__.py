"""Values of tenancy: what an organization is, what can be set for it, and its API keys. The store returns them."""
