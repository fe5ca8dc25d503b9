"""Running a sweep: its directory, its batches of trials, and the processes and threads that train them."""
