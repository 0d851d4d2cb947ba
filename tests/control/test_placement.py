"""Placement: memory is counted, refusals have figures, GPUs are taken by how free they are."""

from __future__ import annotations

import pytest

from modelyard.control.placement import GIB, Claims, Machine, Placement, capacity, fits_on, place, show
from modelyard.core.errors import NotEnoughMemory
from modelyard.core.types import Device, Footprint, Hardware, Launch, Model

CPU = Device("cpu", "main memory", 16 * GIB, 10 * GIB)
MACHINE = Hardware(4, (CPU,))
FREE = {"cuda:0": 8 * GIB, "cuda:1": 20 * GIB, "cuda:2": 23 * GIB}
GPUS = Hardware(4, (CPU, *(Device(name, "A", 24 * GIB, free) for name, free in FREE.items())))
NONE = Claims()


def launch(gpus: int = 0, gpu_idx: tuple[int, ...] = ()) -> Launch:
    return Launch("m", Model("m"), "fake", gpus=gpus, gpu_idx=gpu_idx)


def need(gib: float) -> Footprint:
    return Footprint(int(gib * GIB), 0, 0)


def test_it_fits() -> None:
    assert place(launch(), need(9), MACHINE, NONE, 0.05).devices == ("cpu",)


def test_more_than_is_free_is_refused_with_the_figures() -> None:
    with pytest.raises(NotEnoughMemory) as caught:
        place(launch(), Footprint(10 * GIB, GIB, 0), MACHINE, NONE, 0.05)
    assert "a replica needs 11.0 GiB (weights 10.0 GiB, KV cache 1.0 GiB" in caught.value.message
    assert "10.0 GiB of 16.0 GiB can be used on cpu" in caught.value.message


def test_what_is_still_loading_counts() -> None:
    with pytest.raises(NotEnoughMemory):
        place(launch(), need(6), MACHINE, Claims(loading={"cpu": 5 * GIB}, held={"cpu": 5 * GIB}), 0.05)


def test_mapped_weights_that_the_kernel_calls_free_count() -> None:
    with pytest.raises(NotEnoughMemory):
        place(launch(), need(6), MACHINE, Claims(held={"cpu": 12 * GIB}), 0.05)


def test_the_freest_gpus_are_taken() -> None:
    assert place(launch(gpus=2), need(30), GPUS, NONE, 0.05).gpu_indexes == (2, 1)


def test_named_gpus_only() -> None:
    assert place(launch(gpus=1, gpu_idx=(1,)), need(10), GPUS, NONE, 0.05).gpu_indexes == (1,)
    with pytest.raises(NotEnoughMemory, match="cuda:0"):
        place(launch(gpus=1, gpu_idx=(0,)), need(10), GPUS, NONE, 0.05)


def test_gpus_that_are_not_there() -> None:
    with pytest.raises(NotEnoughMemory, match=r"asks for 1 GPU\(s\), and 0 may be used"):
        place(launch(gpus=1), need(1), MACHINE, NONE, 0.05)


def test_sizes_for_people() -> None:
    assert show(3 * GIB // 2) == "1.5 GiB"
    assert show(5 * 1024**2) == "5 MiB"


def test_an_engine_that_takes_a_share_of_each_gpu() -> None:
    """It claims the share though the model needs less, and is refused where its share is not free, or too small."""
    small = Footprint(2 * GIB, 0, 0, share=0.8)
    assert place(launch(gpus=2), small, GPUS, NONE, 0.05).bytes_each == int(0.8 * 24 * GIB)
    assert place(launch(gpus=2), small, GPUS, NONE, 0.05).gpu_indexes == (2, 1)
    with pytest.raises(NotEnoughMemory, match="takes 80% of a GPU in any case"):
        place(launch(gpus=3), small, GPUS, NONE, 0.05)
    with pytest.raises(NotEnoughMemory, match=r"needs 15\.0 GiB .* 12\.0 GiB of 24\.0 GiB can be used"):
        place(launch(gpus=1), Footprint(15 * GIB, 0, 0, share=0.5), GPUS, NONE, 0.05)
    assert place(launch(), small, MACHINE, NONE, 0.05).bytes_each == 2 * GIB, "there is no share of main memory"


@pytest.mark.parametrize(("need_gib", "fits"), [(9.5, True), (9.6, False)])
def test_headroom_and_free_memory_bound_a_replica(need_gib: float, fits: bool) -> None:
    free = Device("cpu", "main memory", 10 * GIB, 10 * GIB)
    if fits:
        assert place(launch(), need(need_gib), Hardware(4, (free,)), NONE, 0.05).bytes_each == int(need_gib * GIB)
        return
    with pytest.raises(NotEnoughMemory):
        place(launch(), need(need_gib), Hardware(4, (free,)), NONE, 0.05)


def test_claims_add_up_by_device() -> None:
    claims = Claims().plus(Placement(("cuda:0", "cuda:1"), 5), loading=True)
    claims = claims.plus(Placement(("cuda:1",), 3), loading=False).plus(Placement(("cpu",), 1), loading=True)
    assert (claims.held, claims.loading) == ({"cuda:0": 5, "cuda:1": 8, "cpu": 1}, {"cuda:0": 5, "cuda:1": 5, "cpu": 1})


def test_a_replica_takes_equal_parts_of_its_gpus() -> None:
    spot = place(launch(gpus=2), Footprint(10, 1, 0), GPUS, NONE, 0.05)
    assert (spot.devices, spot.bytes_each) == (("cuda:2", "cuda:1"), 6), "rounded up"
    assert Placement(("cpu",), 1).gpu_indexes == ()
    with pytest.raises(NotEnoughMemory) as caught:
        place(launch(gpus=2), need(42), GPUS, NONE, 0.05)
    assert caught.value.memory is not None
    assert (caught.value.memory["each"], caught.value.memory["device"]) == (21 * GIB, "cuda:1")


def test_gpus_that_are_held_are_less_free() -> None:
    held = Claims(held={"cuda:2": 10 * GIB}, loading={"cuda:2": 10 * GIB})
    assert place(launch(gpus=1), need(5), GPUS, held, 0.05).gpu_indexes == (1,)
    assert place(launch(gpus=2), need(5), GPUS, held, 0.05).gpu_indexes == (1, 2)


def test_the_memory_of_the_devices_that_a_replica_would_use() -> None:
    assert capacity(launch(), GPUS) == 16 * GIB
    assert capacity(launch(gpus=2), GPUS) == 48 * GIB
    assert capacity(launch(gpus=5), GPUS) == 72 * GIB
    assert capacity(launch(gpus=1, gpu_idx=(0,)), GPUS) == 24 * GIB


def test_where_a_replica_fits_now() -> None:
    where = Machine(GPUS, Claims(held={"cuda:2": 20 * GIB}), 0.0)
    assert fits_on(need(8), where) == {"cpu": True, "cuda:0": True, "cuda:1": True, "cuda:2": False}
    assert fits_on(need(10), where) == {"cpu": True, "cuda:0": False, "cuda:1": True, "cuda:2": False}
    assert fits_on(need(11), where)["cpu"] is False
    assert fits_on(need(12), where, share=0.5) == {"cpu": False, "cuda:0": False, "cuda:1": True, "cuda:2": False}
    assert not any(fits_on(need(12.1), where, share=0.5).values())
