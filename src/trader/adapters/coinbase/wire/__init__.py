"""What is said to the venue and what it says, as values of ours: requests one way, models the other."""
