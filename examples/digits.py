"""The demo's models: a small network for scikit-learn's digits, kept as safetensors, which hold no code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file
from sklearn.datasets import load_digits
from sklearn.neural_network import MLPClassifier

Array = NDArray[np.float64]
HIDDEN = 48


def load_data(customer: str) -> tuple[Array, NDArray[np.int64], Array, NDArray[np.int64]]:
    """Training pictures and digits, then held-out ones, as a customer's scanner would show them.

    `factory` sees clean pictures, `noisy` a bad sensor, and `inverted` white on black. Pixels are 0 to 1, of shape
    (n, 64).
    """
    digits = load_digits()
    pixels, labels = digits.data / 16.0, digits.target.astype(np.int64)
    random = np.random.default_rng(7)
    order = random.permutation(len(pixels))
    pixels, labels = pixels[order], labels[order]
    if customer == "noisy":
        pixels = np.clip(pixels + random.normal(0, 0.25, pixels.shape), 0, 1)
    elif customer == "inverted":
        pixels = 1 - pixels
    return pixels[:1300], labels[:1300], pixels[1300:], labels[1300:]


def train(customer: str, *, start: Path | None, epochs: int, rate: float, samples: int) -> MLPClassifier:
    """Train from nothing, or from the weights of a base model's checkpoint."""
    pixels, labels, _, _ = load_data(customer)
    pixels, labels = pixels[:samples], labels[:samples]
    model = MLPClassifier((HIDDEN,), learning_rate_init=rate, random_state=1)
    classes = np.arange(10)
    model.partial_fit(pixels[:1], labels[:1], classes=classes)
    if start is not None:
        tensors = load_file(start)
        model.coefs_ = [tensors["hidden.weight"], tensors["output.weight"]]
        model.intercepts_ = [tensors["hidden.bias"], tensors["output.bias"]]
    random = np.random.default_rng(3)
    for _ in range(epochs):
        for batch in np.array_split(random.permutation(len(pixels)), max(1, len(pixels) // 64)):
            model.partial_fit(pixels[batch], labels[batch])
    return model


def save(model: MLPClassifier, path: Path) -> None:
    """Write the weights as safetensors."""
    names = ("hidden", "output")
    tensors: dict[str, Any] = {f"{name}.weight": weight for name, weight in zip(names, model.coefs_, strict=True)}
    tensors |= {f"{name}.bias": bias for name, bias in zip(names, model.intercepts_, strict=True)}
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, path)


def predict(path: Path, pixels: Array) -> NDArray[np.int64]:
    """The digits that a checkpoint sees, by numpy alone: what an application would do."""
    tensors = load_file(path)
    hidden = np.maximum(pixels @ tensors["hidden.weight"] + tensors["hidden.bias"], 0)
    scores: Array = hidden @ tensors["output.weight"] + tensors["output.bias"]
    seen: NDArray[np.int64] = scores.argmax(axis=1).astype(np.int64)
    return seen


def accuracy(path: Path, customer: str) -> float:
    """The share of a customer's held-out pictures that a checkpoint reads right."""
    _, _, pixels, labels = load_data(customer)
    return round(float((predict(path, pixels) == labels).mean()), 4)
