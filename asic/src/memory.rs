//! Energy and area of memories, which standard cells do not model.

use serde::Serialize;
use std::collections::BTreeMap;

/// A memory of a core: width and depth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Sram {
    pub width: usize,
    pub depth: usize,
}

/// Accesses of a memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SramUse {
    pub reads: u64,
    pub writes: u64,
}

/// 64 bits of a cache of 8 KiB at 45 nm and 0.9 V take 10 pJ, of 32 KiB 20 pJ, of 1 MiB 100 pJ (Horowitz, "Computing's energy problem", ISSCC
/// 2014, figure 1.1.9): the square root of the size within 13 %.
const BASE_PJ_PER_BIT: f64 = 10.0 / 64.0;
const BASE_BYTES: f64 = 8192.0;
/// Below this a memory's energy is that of its periphery, which does not shrink with it.
const SMALLEST_BYTES: f64 = 1024.0;
/// A high-density cell at 45 nm, um2 (Mistry et al., IEDM 2007), and the share of a macro that is cells.
const CELL_UM2: f64 = 0.346;
const CELL_SHARE: f64 = 0.6;

impl Sram {
    /// Width and depth from a module's name, such as `ram_tdp_w16_d1024`; `None` for other modules.
    pub fn of(module: &str) -> Option<Self> {
        let rest = module.strip_prefix("ram_")?;
        let number = |mark: char| {
            rest.split('_').find_map(|part| part.strip_prefix(mark)?.parse::<usize>().ok())
        };
        Some(Self { width: number('w')?, depth: number('d')? })
    }

    /// Bits.
    pub fn bits(&self) -> u64 {
        (self.width * self.depth) as u64
    }

    /// pJ of a read or a write of a word at 45 nm.
    pub fn access_pj(&self) -> f64 {
        let bytes = (self.bits() as f64 / 8.0).max(SMALLEST_BYTES);
        self.width as f64 * BASE_PJ_PER_BIT * (bytes / BASE_BYTES).sqrt()
    }

    /// um2 at 45 nm.
    pub fn area_um2(&self) -> f64 {
        self.bits() as f64 * CELL_UM2 / CELL_SHARE
    }
}

/// pJ at 45 nm of all accesses, by memory: the first part of its name.
pub fn memory_energy(uses: &[(String, Sram, SramUse)]) -> BTreeMap<String, f64> {
    let mut memories = BTreeMap::new();
    for (name, sram, used) in uses {
        let memory = name.split('.').next().unwrap_or(name);
        *memories.entry(memory.trim_end_matches(char::is_numeric).to_owned()).or_insert(0.0) +=
            (used.reads + used.writes) as f64 * sram.access_pj();
    }
    memories
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_meets_the_published_points() {
        let of = |bytes: usize| Sram { width: 64, depth: bytes / 8 }.access_pj();
        for (bytes, published) in [(8 << 10, 10.0), (32 << 10, 20.0), (1 << 20, 100.0)] {
            assert!((of(bytes) / published - 1.0).abs() < 0.14, "{bytes} bytes: {}", of(bytes));
        }
        assert_eq!(Sram::of("ram_tdp_w16_d1024"), Some(Sram { width: 16, depth: 1024 }));
        assert_eq!(Sram::of("registers"), None);
    }
}
