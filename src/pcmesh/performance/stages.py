"""Stages: the layers that run together, how long they take and what they wait for."""

from __future__ import annotations

from collections.abc import Mapping as Dict
from dataclasses import dataclass
from typing import Protocol

from pcmesh.hardware import ChipSpec
from pcmesh.mapping import LayerOptions, Mapping, map_network
from pcmesh.network import LayerGraph
from pcmesh.placement import Placement, place
from pcmesh.routing import Routing, route


class Compiled(Protocol):
    """What the performance model reads of a compiled network; a `CompiledNetwork` is one, a `Plan` too."""

    @property
    def chip(self) -> ChipSpec:
        """The chip."""

    @property
    def graph(self) -> LayerGraph:
        """The network."""

    @property
    def mapping(self) -> Mapping:
        """Its tiles."""

    @property
    def placement(self) -> Placement:
        """Their places."""

    @property
    def routing(self) -> Routing:
        """The schedules."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A network mapped, placed and routed, without microcode."""

    chip: ChipSpec
    graph: LayerGraph
    mapping: Mapping
    placement: Placement
    routing: Routing


@dataclass(frozen=True, kw_only=True)
class Link:
    """A link between each chip and its digital side, as on the paper's bench: all vectors cross it one after the other.

    Source: Methods, Experiments: 384 pins of 100 MHz, 38.4 Gb/s.
    """

    pins: int = 384
    pin_mhz: float = 100.0

    @property
    def gbit_s(self) -> float:
        """Bandwidth, Gb/s: bits per nanosecond."""
        return self.pins * self.pin_mhz / 1000


@dataclass(frozen=True, kw_only=True)
class Input:
    """What a stage waits for: another stage (its number), and digital time after it."""

    stage: int
    delay_ns: int


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Layers that run in one operation because they share a digital operation or hand pulses over.

    Attributes:
        layers: their names.
        chips: where they lie, from 0.
        latency_ns: from the start of the operation until their last code is counted (and has crossed a link).
        frames: frames of the network's input that one execution stands for (time stacking).
        depth: operations of its unit between the frame's arrival there and this stage's turn.
        inputs: what it waits for, of the same frame; what comes from outside is there, prepared, when it is wanted.
        loop_ns: time from its start until what it takes of its own last frame is there; 0 without recurrence.
        tail_ns: digital time after it.
    """

    layers: tuple[str, ...]
    chips: tuple[int, ...]
    latency_ns: int
    frames: int = 1
    depth: int = 0
    inputs: tuple[Input, ...] = ()
    loop_ns: int = 0
    tail_ns: int = 0


@dataclass(frozen=True, kw_only=True)
class ChipUnit:
    """Chips whose controllers loop in step: one operation serves all their stages, each with the frame it is at.

    Attributes:
        chips: from 0.
        stages: numbers of the stages.
        operation_ns: length of one operation's program.
        period_ns: from one operation to the next: the schedule's interval, or longer where a recurrent layer waits for
            its digital part or the link is busy.
        frames: frames of the network's input in one operation.
    """

    chips: tuple[int, ...]
    stages: tuple[int, ...]
    operation_ns: int
    period_ns: int
    frames: int


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """The stages of a network, and the units that execute them, in the order of the data's way.

    Attributes:
        stages: all stages.
        units: execute the stages that run once per frame.
        event_stages: numbers of the stages that run once per event (letter) instead, in order.
        joined_stage: number of the stage whose frames a digital operation joins with events; None without events.
        joint_ns: time of that operation.
    """

    stages: tuple[Stage, ...]
    units: tuple[ChipUnit, ...]
    event_stages: tuple[int, ...] = ()
    joined_stage: int | None = None
    joint_ns: int = 0


def plan(graph: LayerGraph, chip: ChipSpec, options: Dict[str, LayerOptions] | None = None) -> Plan:
    """Map, place and route a network.

    Raises:
        CapacityError: it does not fit; the message says what is short by how much.
    """
    mapping = map_network(graph, chip, options)
    placement = place(mapping, chip)
    return Plan(
        chip=chip,
        graph=graph,
        mapping=mapping,
        placement=placement,
        routing=route(mapping, placement, graph, chip),
    )
