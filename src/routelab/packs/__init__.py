"""Packs of the lab: reproductions for a kernel to run in its sandbox. Each folder holds one."""
