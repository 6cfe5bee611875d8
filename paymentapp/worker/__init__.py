"""What runs the services: threads in a process, or steps within a time limit."""
