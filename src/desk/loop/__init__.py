"""The trading loop on one machine: the same cycles at the same instants as the schedule of the stack has them."""
