"""Where the world comes in: the composition root, and later the Lambda handler."""
