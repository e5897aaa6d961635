"""What the process and the machine are asked: files, paths, devices, threads, what is installed."""
