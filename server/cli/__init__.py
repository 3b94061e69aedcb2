"""The operator's commands: python -m server …"""
