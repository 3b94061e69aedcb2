"""The entries of the metric catalogue, a module per family. server/catalog/registry.py puts them together."""
