"""What is kept about a person: erasing it, and handing it out."""
