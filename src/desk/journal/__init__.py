"""What the records tell whoever asks: which decision was made and why, what was bought and sold, how runs ended."""
