"""Stand-ins for the outside world on one machine: a simulated Coinbase that speaks the real one's HTTP."""
