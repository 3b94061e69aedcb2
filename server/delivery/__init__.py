"""Sending things out of the house: mail, webhooks, object stores; who gets what, and what became of it."""
