"""The tallywire service: metrics for AI agents, chatbots and call centres over gRPC."""

__version__ = "0.1.0"
