"""What a user wants for layers and modules: names are looked up, and the options of every product follow."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from pcmesh.checks import unknown
from pcmesh.deployed.choices.options import Pin, ProductOptions, product_options
from pcmesh.errors import ConfigurationError
from pcmesh.mapping import Encoding
from pcmesh.network.exported.capture import CapturedNetwork


def pinned_options(captured: CapturedNetwork, pins: Mapping[str, Pin], encoding: Encoding) -> dict[str, ProductOptions]:
    """Return how every product is mapped: as the first pin of it, or of a module that holds or uses it, says.

    Raises:
        ConfigurationError: a pin names nothing of the network, or is none of the ways to map a layer.
    """
    _check_pins(captured, pins)
    found = {}
    for product in captured.products:
        pin = next((pins[entry] for entry in pins if product.is_named(entry)), None)
        found[product.name] = product_options(pin, encoding)
    return found


def changed_options(
    options: Mapping[str, ProductOptions], changes: Mapping[str, Pin] | None
) -> dict[str, ProductOptions]:
    """Return the options of all products with those of some changed.

    Raises:
        ConfigurationError: there is no such product, or no such way to map it.
    """
    known_products(options, changes or {})
    return {**options, **{name: product_options(pin, options[name].encoding) for name, pin in (changes or {}).items()}}


def known_products(known: Collection[str], names: Collection[str]) -> None:
    """Refuse the name of a product that is none."""
    for name in names:
        if name not in known:
            raise unknown("layer", name, known)


def _check_pins(captured: CapturedNetwork, pins: Mapping[str, Pin]) -> None:
    modules = dict.fromkeys(operation.module for operation in captured.operations)
    for entry, pin in pins.items():
        if pin is None:
            raise ConfigurationError(
                f"layer {entry!r} cannot be mapped as None", "Leave it out, or write AB or digital"
            )
        product = any(p.is_named(entry) for p in captured.products)
        if not product and not any(module == entry or module.startswith(f"{entry}.") for module in modules):
            names = dict.fromkeys((*(p.name for p in captured.products), *(m for m in modules if m)))
            raise unknown("layer", entry, names)
