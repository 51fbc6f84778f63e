"""What the commands and their checks build on."""
