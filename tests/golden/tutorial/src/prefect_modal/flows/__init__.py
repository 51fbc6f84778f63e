"""One module per flow; prefect.yaml lists those that are deployed."""
