"""Answers and lists as tables, and tables as files: CSV, JSON, spreadsheets, Parquet, Arrow."""
