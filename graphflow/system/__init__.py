"""Services of the process and the machine: files, paths, devices, threads, installed libraries."""
