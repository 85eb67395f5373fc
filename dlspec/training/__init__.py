"""The runner: data, augmentation, the loop, metrics, checkpoints, pictures, evaluation and prediction."""
