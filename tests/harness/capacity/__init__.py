"""How much a deployment needs: what an event costs as measured, a model of many nodes, and a simulation of it."""
