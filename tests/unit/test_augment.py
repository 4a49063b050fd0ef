"""Augmentations do what their strength says, leave the given windows alone, and come out again with the seed."""

from __future__ import annotations

import pytest
import torch

from config.errors import SettingsError
from training.objectives.augment import CHANGES, Augmentation, augment, parse


def windows(n: int = 200) -> torch.Tensor:
    return (
        torch.randn(n, 4, 50, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 5.0, 10.0])[:, None]
    )


def changed(text: str, given: torch.Tensor | None = None) -> torch.Tensor:
    torch.manual_seed(1)
    return augment(windows() if given is None else given, [parse(text)])


@pytest.mark.parametrize("name", CHANGES)
def test_seeded_and_not_in_place(name: str) -> None:
    given = windows()
    once = changed(name, given)
    assert torch.equal(given, windows()) and torch.equal(once, changed(name)) and not torch.equal(once, given)
    assert once.shape == given.shape and once.dtype == given.dtype
    torch.manual_seed(2)
    assert not torch.equal(augment(given, [parse(name)]), once)


def test_noise_is_a_fraction_of_each_channels_deviation() -> None:
    added = (changed("noise=0.5") - windows()).std(dim=(0, 2))
    assert torch.allclose(added / windows().std(dim=(0, 2)), torch.full((4,), 0.5), rtol=0.05)


def test_smoothing_is_a_moving_average_of_some_windows() -> None:
    once, given = changed("smooth=0.3"), windows()
    touched = (once != given).any(dim=2).any(dim=1)
    assert 0.2 < touched.float().mean() < 0.4
    by_hand = given[touched].unfold(2, 5, 1).mean(3)
    assert torch.allclose(once[touched][:, :, 2:-2], by_hand, atol=1e-5)
    level = torch.full((3, 2, 9), 4.0)
    assert torch.allclose(changed("smooth=1", level), level)


def test_masks() -> None:
    off = (changed("channels=0.25") == 0).all(dim=2)
    assert 0.2 < off.float().mean() < 0.3
    off = changed("times=0.2") == 0
    assert (off.sum(2) == 10).all() and (off == off[:, :1]).all()
    first = off[:, 0].float().argmax(1)
    assert all(off[k, 0, i : i + 10].all() for k, i in enumerate(first.tolist())) and len(set(first.tolist())) > 20


def test_shift_moves_whole_windows_and_repeats_the_ends() -> None:
    ramp = torch.arange(50.0).expand(300, 2, 50)
    moved = changed("shift=0.1", ramp)
    by = moved[:, 0, 25] - 25
    assert set(by.tolist()) == set(map(float, range(-5, 6)))
    assert torch.equal(moved, (ramp + by[:, None, None]).clamp(0, 49))


def test_in_turn_and_none() -> None:
    given = windows()
    assert augment(given, []) is given
    both = augment(given, [Augmentation(name="channels", strength=0.9), Augmentation(name="noise", strength=0.1)])
    assert (both != 0).all()


@pytest.mark.parametrize("text", ["smooth=1.5", "noise=0", "times=-1", "shift=far", "noise="])
def test_strengths_out_of_range(text: str) -> None:
    with pytest.raises(SettingsError, match="the strength is a"):
        parse(text)


def test_unknown_names() -> None:
    with pytest.raises(SettingsError, match="did you mean 'smooth'"):
        parse("smoth")
