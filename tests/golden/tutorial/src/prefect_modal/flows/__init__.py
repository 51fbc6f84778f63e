"""One module a flow; prefect.yaml names those that are deployed."""
