"""The commands of `refnn`, one file each: `add` declares its arguments, `run` does it and returns the exit status."""
