"""The team backend in containers: compose files, what they need, and the commands around them."""
