"""Whether this machine, its disks and its links are fit to train on."""
