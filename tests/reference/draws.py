"""What the recording scripts draw, so that tests in Rust can draw the very same; and a dropout that draws it too."""
import torch

MASK = (1 << 64) - 1


def draw(stream, counter):
    """A number in [0, 1) of 24 bits: exact in float32. SplitMix64 of stream * 2^32 + counter."""
    bits = ((stream << 32) + counter + 1) * 0x9E3779B97F4A7C15 & MASK
    bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB & MASK
    return ((bits ^ (bits >> 31)) >> 40) / (1 << 24)


def draws(stream, *shape):
    return torch.tensor([draw(stream, i) for i in range(torch.Size(shape).numel())], dtype=torch.float32).reshape(shape)


def drop(calls):
    """A stand-in for torch's dropout: call c keeps where stream 2000 + c draws at least its rate."""
    def dropout(values, p=0.5, training=True, inplace=False):
        if not training or p == 0.0: return values
        keep = (draws(2000 + len(calls), *values.shape) >= p).float()
        calls.append(p)
        return values * keep / (1 - p)
    return dropout


def exact(tensor):
    return [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]
