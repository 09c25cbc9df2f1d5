"""What is inside a component alone: the interface's imports and export, and the code that was there at build."""
