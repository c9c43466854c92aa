import numba
import numpy as np
import torch
from scipy import stats

from pcmesh.physics.normal import TABLE, key_tensor, normal, normals


@numba.njit
def _fill(keys, out):
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            out[row, column] = normal(keys[row], np.uint64(column))


def _draw(rows: int, columns: int) -> torch.Tensor:
    keys = key_tensor(*(7919 * (row + 1) for row in range(rows)))
    return normals(keys[:, None], torch.arange(columns)[None])


def test_compiled_and_torch_numbers_are_the_same_bits():
    keys = np.array([3, 2**63 + 11, 2**64 - 1], dtype=np.uint64)
    out = np.empty((3, 1000), np.float32)
    _fill(keys, out)
    assert np.array_equal(out, normals(key_tensor(*keys.tolist())[:, None], torch.arange(1000)[None]).numpy())


def test_distribution_is_standard_normal():
    """400,000 fixed numbers: the p-value of a right generator is below 1e-4 once in 10,000 choices of the keys."""
    sample = _draw(400, 1000).flatten().numpy()
    assert stats.kstest(sample, "norm").pvalue > 1e-4
    assert abs(sample.mean()) < 4 / np.sqrt(sample.size)
    assert abs(sample.var() - 1) < 4 * np.sqrt(2 / sample.size)
    assert abs(stats.kurtosis(sample)) < 4 * np.sqrt(24 / sample.size)


def test_quantiles_are_exact_in_the_tails():
    """The table's pieces, at their middle, against scipy's quantile function."""
    level = np.exp2(np.random.default_rng(0).uniform(-1, 30.9, 10_000))
    bits = torch.from_numpy(level.astype(np.int64))
    u = (bits.double() + 0.5) * 2.0**-32
    from pcmesh.physics import normal as module

    code = (bits.to(torch.float32) + 0.5).view(torch.int32)
    index = ((code >> 15) - int(module._FIRST)).long()
    table = torch.from_numpy(TABLE)
    value = table[index] + (code & 0x7FFF).float() * 2.0**-15 * (table[index + 1] - table[index])
    assert np.abs(value.numpy() + stats.norm.ppf(u.numpy())).max() < 2e-5


def test_neighbours_and_keys_are_uncorrelated():
    sample = _draw(300, 1000)
    flat = sample.flatten()
    bound = 4 / np.sqrt(flat.numel())
    assert abs(float((flat[1:] * flat[:-1]).mean())) < bound
    assert abs(float((sample[1:] * sample[:-1]).mean())) < bound
