"""The process that serves pages: Connect from browsers to gRPC of the service as bytes, sessions in cookies, files.

It knows the service's contract by names and bytes, and neither the domain nor the database.
"""
