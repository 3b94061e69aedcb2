"""What is unusual in a series, and what a change is made of. Plain Python, since alert rules use it everywhere."""
