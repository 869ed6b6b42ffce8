"""What a training run will take, before it is run: parameters, memory, operations, hours."""
