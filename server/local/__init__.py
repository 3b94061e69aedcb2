"""The whole service on one machine: up, demo, and the engines that they bring."""
