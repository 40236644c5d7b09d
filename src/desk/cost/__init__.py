"""What running it costs: the AWS calls of a cycle, list prices, and a month of both."""
