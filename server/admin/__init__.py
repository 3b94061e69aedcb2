"""The administration of organizations by those who may: their own admins, and operators of the deployment."""
