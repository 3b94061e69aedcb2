"""The only room that knows gRPC: one file per service, and what they share."""
