"""Answers of the contract as tables, and the streams of ExportService."""
