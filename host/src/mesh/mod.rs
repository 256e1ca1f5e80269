//! A network on the cores of a mesh: what each core holds, which node it sits on, and the traffic that follows.
//!
//! ```text
//! network, samples --> work of each layer --> partition: slices of logical cores --> demand: flows between them
//!                                                                                          |
//!                                    drawing, table <-- cost: flits of every link <-- placement: a node for each
//! ```

mod cost;
mod demand;
mod draw;
mod partition;
mod placement;
mod work;

pub use cost::{Cost, Traffic};
pub use demand::{End, Flow, FlowKind, busiest_end, demand, packets};
pub use draw::svg;
pub use partition::{CorePlan, Load, Partition, Share, partition};
pub use placement::{
    Annealing, Greedy, PLACERS, PlacementProblem, Placer, RandomSearch, RowMajor, ZigZag,
};
pub use work::{LayerWork, measure};
