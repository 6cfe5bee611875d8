"""Runs the services: by threads in a process, or by steps within a time limit."""
