//! Performance counters: 32 bits each, wrapping; hosts add differences.

/// Whose counter it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CounterGroup {
    Core,
    Fp,
    Bp,
    Wg,
    Io,
    Host,
}

impl CounterGroup {
    /// The name in tables and reports.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Core => "core",
            Self::Fp => "FP",
            Self::Bp => "BP",
            Self::Wg => "WG",
            Self::Io => "IO",
            Self::Host => "host",
        }
    }
}

macro_rules! counters {
    ($($variant:ident, $group:ident, $name:literal, $meaning:literal;)+) => {
        /// Every counter, in register order.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Counter {
            $(#[doc = $meaning] $variant,)+
        }

        impl Counter {
            /// All counters, in register order.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];
            /// How many there are.
            pub const COUNT: usize = Self::ALL.len();

            /// Whose it is.
            pub const fn group(self) -> CounterGroup {
                match self {
                    $(Self::$variant => CounterGroup::$group,)+
                }
            }

            /// Its name within the group.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// What it counts, a phrase.
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$variant => $meaning,)+
                }
            }
        }
    };
}

counters! {
    Cycles, Core, "cycles", "clock cycles since reset";
    FpBusy, Fp, "busy", "cycles from taking FORWARD off the queue to its end";
    FpWait, Fp, "wait", "cycles in WAIT";
    FpEvents, Fp, "events", "input spikes added, one per cycle and tile";
    FpVisits, Fp, "visits", "weight rows read";
    FpWords, Fp, "words", "input plane words read";
    FpZeroWords, Fp, "zero_words", "input plane words that were all zero";
    FpTileBlocks, Fp, "tile_blocks", "plane words written";
    FpMembraneWords, Fp, "membrane_words", "membrane words written";
    BpBusy, Bp, "busy", "cycles from taking NEURON_BACK or BACKPROP off the queue to its end";
    BpWait, Bp, "wait", "cycles in WAIT";
    BpEvents, Bp, "events", "dot products of a row and an error tile";
    BpVisits, Bp, "visits", "weight rows read";
    BpWords, Bp, "words", "trace words read";
    BpErrorReads, Bp, "error_reads", "error words read";
    BpErrorWrites, Bp, "error_writes", "error words written";
    BpSaturations, Bp, "saturations", "errors clipped to error_max, one per neuron and step";
    BpSkipped, Bp, "skipped", "visit x tile with no common non-zero step";
    WgBusy, Wg, "busy", "cycles from taking ACCUMULATE off the queue to its end";
    WgWait, Wg, "wait", "cycles in WAIT";
    WgEvents, Wg, "events", "error tiles added to a gradient row";
    WgVisits, Wg, "visits", "gradient rows read, which is those written";
    WgWords, Wg, "words", "input plane words read";
    WgZeroWords, Wg, "zero_words", "input plane words that were all zero";
    WgErrorReads, Wg, "error_reads", "error words read";
    WgSkipped, Wg, "skipped", "tile-blocks whose errors are all zero";
    WgUpdateBusy, Wg, "update_busy", "cycles from taking UPDATE or CLEAR off the queue to its end";
    WgUpdateRows, Wg, "update_rows", "rows updated or cleared";
    IoWait, Io, "wait", "cycles in WAIT";
    IoWords, Io, "words", "words pushed";
    IoStalled, Io, "stalled", "cycles a pushed word waited for the host";
    HostWrites, Host, "writes", "words the host wrote";
    HostStalled, Host, "stalled", "cycles a write of the host waited for the core";
}

impl Counter {
    /// Position in register order.
    pub const fn index(self) -> usize {
        self as usize
    }

    /// `fp_busy` and the like: unique, for logs and the C header.
    pub fn key(self) -> String {
        match self.group() {
            CounterGroup::Core => self.name().to_owned(),
            group => format!("{}_{}", group.label().to_lowercase(), self.name()),
        }
    }
}
