"""The workers: fold what ingest appended, and run the background jobs. The second entrance to the same domain."""
