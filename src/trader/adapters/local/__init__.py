"""The ports on one machine: files in a folder, for paper trading on a laptop."""
