//! Slice descriptors: what each engine's table holds, in columns of 32 bits.

use super::field::{LayoutError, PackedWord};
use super::opcode::Engine;
use super::region::Region;
use super::words::{Coordinates, NeuronWord, OptimizerWord, Shape};
use crate::config::ArchConfig;

/// One column of a descriptor table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: &'static str,
    /// `unsigned`, `signed`, or the name of a packed word.
    pub kind: &'static str,
    pub meaning: &'static str,
}

/// What a column may hold in Rust.
pub trait ColumnValue: Sized + Copy {
    const KIND: &'static str;
    fn to_column(self) -> Result<u32, LayoutError>;
    fn from_column(column: u32) -> Result<Self, LayoutError>;
}

impl ColumnValue for u32 {
    const KIND: &'static str = "unsigned";
    fn to_column(self) -> Result<u32, LayoutError> {
        Ok(self)
    }
    fn from_column(column: u32) -> Result<Self, LayoutError> {
        Ok(column)
    }
}

impl ColumnValue for i32 {
    const KIND: &'static str = "signed";
    fn to_column(self) -> Result<u32, LayoutError> {
        Ok(self as u32)
    }
    fn from_column(column: u32) -> Result<Self, LayoutError> {
        Ok(column as i32)
    }
}

impl ColumnValue for Region {
    const KIND: &'static str = "region";
    fn to_column(self) -> Result<u32, LayoutError> {
        Ok(u32::from(self.code()))
    }
    fn from_column(column: u32) -> Result<Self, LayoutError> {
        let region = u8::try_from(column).ok().and_then(Self::from_code);
        region.ok_or_else(|| LayoutError::one(format!("there is no memory region {column}")))
    }
}

macro_rules! word_column {
    ($($word:ty),+) => {
        $(impl ColumnValue for $word {
            const KIND: &'static str = <$word as PackedWord>::NAME;
            fn to_column(self) -> Result<u32, LayoutError> {
                self.encode()
            }
            fn from_column(column: u32) -> Result<Self, LayoutError> {
                Self::decode(column)
            }
        })+
    };
}
word_column!(Shape, NeuronWord, OptimizerWord, Coordinates);

/// A descriptor of one engine.
pub trait Descriptor: Sized + Copy {
    const ENGINE: Engine;
    /// Name of the module with the column constants.
    const NAME: &'static str;
    const COLUMNS: &'static [Column];

    /// One word per column, or everything that does not fit.
    fn encode(&self) -> Result<Vec<u32>, LayoutError>;
    /// The descriptor in `columns`; missing columns count as 0, further ones are ignored.
    fn decode(columns: &[u32]) -> Result<Self, LayoutError>;
}

macro_rules! descriptor {
    (
        $(#[$meta:meta])*
        pub struct $name:ident in $module:ident for $engine:expr, $count:literal {
            $($(#[doc = $doc:literal])+ $field:ident: $ty:ty = $column:literal;)+
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
        pub struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)+
        }

        #[doc = concat!("Columns of [`", stringify!($name), "`](super::", stringify!($name), ").")]
        pub mod $module {
            /// Columns of the table.
            pub const COLUMNS: usize = $count;
            $($(#[doc = $doc])+ pub mod $field {
                /// Index of the column.
                pub const COLUMN: usize = $column;
            })+
        }

        // A column number that disagrees with its position would make the table lie.
        const _: () = {
            let numbers = [$($column),+];
            assert!(numbers.len() == $count);
            let mut i = 0;
            while i < numbers.len() {
                assert!(numbers[i] == i);
                i += 1;
            }
        };

        impl $name {
            /// Columns of the table.
            pub const COLUMN_COUNT: usize = $count;
        }

        impl Descriptor for $name {
            const ENGINE: Engine = $engine;
            const NAME: &'static str = stringify!($module);
            const COLUMNS: &'static [Column] = &[
                $(Column {
                    name: stringify!($field),
                    kind: <$ty as ColumnValue>::KIND,
                    meaning: concat!($($doc),+),
                },)+
            ];

            fn encode(&self) -> Result<Vec<u32>, LayoutError> {
                let mut problems = Vec::new();
                let mut columns = Vec::with_capacity($count);
                $(match self.$field.to_column() {
                    Ok(column) => columns.push(column),
                    Err(error) => problems.extend(error.problems),
                })+
                LayoutError::check(problems)?;
                Ok(columns)
            }

            fn decode(columns: &[u32]) -> Result<Self, LayoutError> {
                let mut problems = Vec::new();
                let mut decoded = Self::default();
                $(match <$ty>::from_column(columns.get($column).copied().unwrap_or(0)) {
                    Ok(value) => decoded.$field = value,
                    Err(error) => problems.extend(error.problems),
                })+
                LayoutError::check(problems)?;
                Ok(decoded)
            }
        }
    };
}

descriptor! {
    /// A slice for FP.
    pub struct FpDescriptor in fp for Engine::Fp, 13 {
        /// first weight row
        weight_base: u32 = 0;
        /// rows per tile
        fan_in: u32 = 1;
        /// tiles of the slice
        tiles: u32 = 2;
        /// input plane words per block, ceil(fan_in / lanes)
        in_words: u32 = 3;
        /// steps, blocks, valid lanes of the last tile
        shape: Shape = 4;
        /// input spikes, within the slot
        in_plane_base: u32 = 5;
        /// output spikes and trace, within the slot
        out_plane_base: u32 = 6;
        /// membranes of a readout, within the slot, in tile-blocks
        membrane_base: u32 = 7;
        /// neuron parameters
        neuron: NeuronWord = 8;
        /// threshold, Q24
        theta: i32 = 9;
        /// surrogate code 1 within this distance of the threshold, Q24; 0 disables
        width1: u32 = 10;
        /// surrogate code 2 within this distance, Q24; 0 disables
        width2: u32 = 11;
        /// surrogate code 3 within this distance, Q24; 0 disables
        width3: u32 = 12;
    }
}

descriptor! {
    /// A slice for BP.
    pub struct BpDescriptor in bp for Engine::Bp, 10 {
        /// first weight row
        weight_base: u32 = 0;
        /// rows per tile: neurons of the target population
        fan_in: u32 = 1;
        /// tiles of the slice
        tiles: u32 = 2;
        /// tiles of the target population
        in_words: u32 = 3;
        /// steps, blocks, valid lanes of the last tile
        shape: Shape = 4;
        /// trace and nonzero words of the target population, within the slot
        in_plane_base: u32 = 5;
        /// nonzero words of the slice's errors, within the slot
        out_plane_base: u32 = 6;
        /// errors of the target population (written), within the slot, in tile-blocks
        in_error_base: u32 = 7;
        /// errors of the slice (read), within the slot, in tile-blocks
        out_error_base: u32 = 8;
        /// neuron parameters of the target population
        neuron: NeuronWord = 9;
    }
}

descriptor! {
    /// A slice for WG.
    pub struct WgDescriptor in wg for Engine::Wg, 10 {
        /// first weight, state and gradient row
        weight_base: u32 = 0;
        /// rows per tile
        fan_in: u32 = 1;
        /// tiles of the slice
        tiles: u32 = 2;
        /// input plane words per block, ceil(fan_in / lanes)
        in_words: u32 = 3;
        /// steps, blocks, valid lanes of the last tile
        shape: Shape = 4;
        /// input spikes, within the slot
        in_plane_base: u32 = 5;
        /// nonzero words of the slice's errors, within the slot
        out_plane_base: u32 = 6;
        /// errors of the slice, within the slot, in tile-blocks
        error_base: u32 = 7;
        /// optimizer parameters
        optimizer: OptimizerWord = 8;
        /// network coordinates
        coordinates: Coordinates = 9;
    }
}

descriptor! {
    /// What PUSH sends, and where to.
    pub struct IoDescriptor in io for Engine::Io, 6 {
        /// region (memory)
        region: Region = 0;
        /// first row; within the slot for slot memories
        base: u32 = 1;
        /// rows to send
        rows: u32 = 2;
        /// row that the first one is written to, or that the host is told; within the slot for slot memories
        to: u32 = 3;
        /// cores to send to, one bit each, the first 32 nodes of the mesh; none at all: the host
        nodes_low: u32 = 4;
        /// further nodes
        nodes_high: u32 = 5;
    }
}

impl IoDescriptor {
    /// Sends `rows` rows from row `base` on to the host.
    pub const fn to_host(region: Region, base: u32, rows: u32) -> Self {
        Self { region, base, rows, to: base, nodes_low: 0, nodes_high: 0 }
    }

    /// Sends them to the cores of the set `nodes`, to be written from row `to` on.
    pub const fn to_nodes(region: Region, base: u32, rows: u32, to: u32, nodes: u64) -> Self {
        Self { region, base, rows, to, nodes_low: nodes as u32, nodes_high: (nodes >> 32) as u32 }
    }

    /// Posts token `token` of the cores of the set `nodes`.
    pub const fn post(token: u8, nodes: u64) -> Self {
        Self::to_nodes(Region::Token, 0, 1, token as u32, nodes)
    }

    /// 32-bit words that it sends from a core of configuration `config`.
    pub fn words(&self, config: &ArchConfig) -> usize {
        self.rows as usize * self.region.subs(config)
    }

    /// The cores it goes to; none: the host.
    pub const fn nodes(&self) -> u64 {
        self.nodes_low as u64 | (self.nodes_high as u64) << 32
    }
}
