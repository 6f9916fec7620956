"""What others wrote, read with bounds and run in containers: files, Dockerfiles, Harbor tasks."""
