"""Where the world comes in: the Lambda handler, and the composition root that every command shares."""
