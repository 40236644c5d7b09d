"""What the layer is made of: its lock, its parts list, and what is known against them."""
