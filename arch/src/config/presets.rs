//! Configurations that come with the generator.

use super::ArchConfig;

impl ArchConfig {
    /// Names of the presets of cores that stand alone, smallest first.
    pub const STANDALONE: &'static [&'static str] = &["nano", "tiny", "digits", "edge"];
    /// Names of all presets: those, then the core of a mesh.
    pub const PRESETS: &'static [&'static str] = &["nano", "tiny", "digits", "edge", "mesh"];

    /// A preset by name.
    pub fn preset(name: &str) -> Option<Self> {
        match name {
            "nano" => Some(Self::nano()),
            "tiny" => Some(Self::tiny()),
            "digits" => Some(Self::digits()),
            "edge" => Some(Self::edge()),
            "mesh" => Some(Self::mesh()),
            _ => None,
        }
    }

    /// 4 lanes and 1,024 weights: the smallest core that exercises everything.
    pub fn nano() -> Self {
        Self {
            name: "nano".into(),
            lanes: 4,
            optimizers: 1,
            slots: 2,
            gradient_slots: 1,
            backward_steps: 1,
            weights: 1 << 10,
            slot_neuron_steps: 1 << 10,
            slot_error_steps: 1 << 9,
            slot_membrane_steps: 1 << 8,
            slices: 4,
            queue_depth: 8,
            tokens: 8,
            max_fan_in: 255,
            max_fan_out: 255,
            max_steps: 16,
            weight_max_exp: 3,
            error_max_exp: 4,
            clock_mhz: 100,
            baud: 3_000_000,
            outstanding: 8,
        }
    }

    /// 8 lanes and 8,192 weights: random networks and lockstep tests.
    pub fn tiny() -> Self {
        Self {
            name: "tiny".into(),
            lanes: 8,
            optimizers: 2,
            slots: 4,
            weights: 1 << 13,
            slot_neuron_steps: 1 << 12,
            slot_error_steps: 1 << 12,
            slot_membrane_steps: 1 << 10,
            slices: 8,
            queue_depth: 16,
            max_fan_in: 1023,
            max_fan_out: 1023,
            max_steps: 32,
            ..Self::nano()
        }
    }

    /// 16 lanes and 32,768 weights: the built-in 8x8 digits with hidden layers of some hundred neurons.
    pub fn digits() -> Self {
        Self {
            name: "digits".into(),
            lanes: 16,
            optimizers: 16,
            slots: 8,
            weights: 1 << 15,
            slot_neuron_steps: 1 << 13,
            slot_error_steps: 1 << 13,
            slot_membrane_steps: 1 << 10,
            slices: 16,
            queue_depth: 64,
            ..Self::tiny()
        }
    }

    /// 16 lanes and 524,288 weights: 784-512-10 at 16 time steps, 16 samples in flight.
    pub fn edge() -> Self {
        Self {
            name: "edge".into(),
            lanes: 16,
            slots: 16,
            weights: 1 << 19,
            slot_neuron_steps: 1 << 15,
            slot_error_steps: 1 << 14,
            slot_membrane_steps: 1 << 11,
            slices: 32,
            queue_depth: 256,
            max_fan_in: 4095,
            max_fan_out: 4095,
            max_steps: 64,
            ..Self::digits()
        }
    }

    /// 16 lanes and 131,072 weights: a core of a mesh, with the tokens, descriptors and queues that take.
    pub fn mesh() -> Self {
        Self {
            name: "mesh".into(),
            slots: 32,
            weights: 1 << 17,
            slot_neuron_steps: 1 << 14,
            slot_error_steps: 1 << 13,
            slot_membrane_steps: 1 << 10,
            slices: 128,
            queue_depth: 1024,
            tokens: 64,
            ..Self::edge()
        }
    }
}
