//! A network on the cores of a mesh: what each core holds, which node it sits on, what it runs, and the traffic that follows.
//!
//! ```text
//! network, samples --> work of each layer --> partition: slices of logical cores --> demand: flows between them
//!                                                                                          |
//!                                    drawing, table <-- cost: flits of every link <-- placement: a node for each
//!                                                                                          |
//!   pipeline: samples, losses <-- cluster: ports, schedule: order <-- program: descriptors of every core, in its memory
//! ```
//!
//! `plan` goes this way with several partitions, up to a batch on the emulated mesh, and keeps the fastest.

mod cluster;
mod compile;
mod cost;
mod demand;
mod draw;
mod issue;
mod memory;
mod partition;
mod pipeline;
mod placement;
mod plan;
mod program;
mod schedule;
mod work;

pub use cluster::Cluster;
pub use cost::{Cost, Traffic};
pub use demand::{End, Flow, FlowKind, busiest_end, demand, packets};
pub use draw::svg;
pub use memory::{Holding, Whole, words_taken};
pub use partition::{CorePlan, Load, Partition, Share, divisions, in_order, partition};
pub use pipeline::Pipeline;
pub use placement::{
    Annealing, Greedy, PLACERS, PlacementProblem, Placer, RandomSearch, RowMajor, ZigZag,
};
pub use plan::{Effort, Placing, Plan, plan};
pub use program::{CoreProgram, MeshProgram, MeshSlice, Sending, compile_mesh};
pub use work::{LayerWork, measure};
