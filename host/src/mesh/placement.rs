//! Which node a logical core sits on.

use super::{Cost, End, Flow, Traffic};
use backspike_arch::Routes;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// What is to be placed.
#[derive(Clone, Debug)]
pub struct PlacementProblem<'a> {
    /// Logical cores, no more than the mesh has.
    pub cores: usize,
    pub flows: &'a [Flow],
    pub routes: &'a Routes,
    /// Weight of the hottest link in the cost.
    pub hottest: f64,
    pub seed: u64,
}

impl PlacementProblem<'_> {
    /// The cost when logical core `c` sits on `nodes[c]`.
    pub fn cost(&self, nodes: &[usize]) -> Cost {
        Traffic::new(self.flows, self.routes, nodes).cost(self.hottest)
    }

    fn rng(&self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed)
    }
}

/// A way to place: the same node for each core whenever problem and seed are the same.
pub trait Placer: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;

    /// A node for each logical core, no two alike.
    fn place(&self, problem: &PlacementProblem) -> Vec<usize>;
}

/// In the order of the nodes.
pub struct RowMajor;

/// Row by row, every second one backwards, so that the next core is a neighbour.
pub struct ZigZag;

/// One core after the other, those that talk most to what is placed first, each where it costs least.
pub struct Greedy;

/// The best of many.
pub struct RandomSearch {
    pub tries: usize,
}

/// Simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983): two nodes change their cores; a change for the worse
/// by `d` is kept with probability exp(-d / T), and T falls geometrically.
pub struct Annealing {
    pub steps: usize,
}

/// All placers, the baselines first, the default last.
pub const PLACERS: [&dyn Placer; 5] =
    [&RowMajor, &ZigZag, &Greedy, &RandomSearch { tries: 2_000 }, &Annealing { steps: 40_000 }];

impl Placer for RowMajor {
    fn name(&self) -> &'static str {
        "row-major"
    }

    fn place(&self, problem: &PlacementProblem) -> Vec<usize> {
        (0..problem.cores).collect()
    }
}

impl Placer for ZigZag {
    fn name(&self) -> &'static str {
        "zig-zag"
    }

    fn place(&self, problem: &PlacementProblem) -> Vec<usize> {
        let width = problem.routes.mesh().width;
        let node = |core: usize| {
            let (row, along) = (core / width, core % width);
            row * width + if row % 2 == 0 { along } else { width - 1 - along }
        };
        (0..problem.cores).map(node).collect()
    }
}

impl Placer for Greedy {
    fn name(&self) -> &'static str {
        "greedy"
    }

    fn place(&self, problem: &PlacementProblem) -> Vec<usize> {
        let mesh = problem.routes.mesh();
        let mut nodes = vec![None; problem.cores];
        let mut free: Vec<usize> = (0..mesh.cores()).collect();
        // Each destination of a flow counts as much as its flits.
        let ends = |flow: &Flow| -> Vec<(End, End)> {
            flow.to.iter().map(|to| (flow.from, *to)).collect()
        };
        for _ in 0..problem.cores {
            let placed = |end: &End| match end {
                End::Core(core) => nodes[*core].is_some(),
                End::Host => true,
            };
            let mut talk = vec![0.0; problem.cores];
            for flow in problem.flows {
                for (from, to) in ends(flow) {
                    for (end, other) in [(from, to), (to, from)] {
                        if let End::Core(core) = end
                            && !placed(&end)
                            && placed(&other)
                        {
                            talk[core] += flow.flits;
                        }
                    }
                }
            }
            let open = (0..problem.cores).filter(|&core| nodes[core].is_none());
            // Of equal ones the first.
            let Some(core) = open.rev().max_by(|&a, &b| talk[a].total_cmp(&talk[b])) else { break };
            let price = |node: usize| -> f64 {
                let at = |end: End| match end {
                    End::Core(other) if other == core => Some(node),
                    End::Core(other) => nodes[other],
                    End::Host => Some(mesh.host()),
                };
                let pairs = problem.flows.iter().flat_map(|flow| {
                    ends(flow).into_iter().map(|(from, to)| (flow.flits, from, to))
                });
                pairs
                    .filter(|(_, from, to)| [*from, *to].contains(&End::Core(core)))
                    .filter_map(|(flits, from, to)| {
                        Some(flits * mesh.hops(at(from)?, at(to)?) as f64)
                    })
                    .sum()
            };
            let best = (0..free.len()).min_by(|&a, &b| price(free[a]).total_cmp(&price(free[b])));
            nodes[core] = best.map(|best| free.remove(best));
        }
        nodes.into_iter().flatten().collect()
    }
}

impl Placer for RandomSearch {
    fn name(&self) -> &'static str {
        "random"
    }

    fn place(&self, problem: &PlacementProblem) -> Vec<usize> {
        let mut rng = problem.rng();
        let mut nodes: Vec<usize> = (0..problem.routes.mesh().cores()).collect();
        let mut best = (f64::INFINITY, nodes.clone());
        for _ in 0..self.tries {
            nodes.shuffle(&mut rng);
            let total = problem.cost(&nodes[..problem.cores]).total;
            if total < best.0 {
                best = (total, nodes.clone());
            }
        }
        best.1.truncate(problem.cores);
        best.1
    }
}

/// First temperature as a share of the first cost, and the last as a share of the first temperature.
const HOT: f64 = 0.1;
const COLD: f64 = 1e-4;

impl Placer for Annealing {
    fn name(&self) -> &'static str {
        "annealing"
    }

    fn place(&self, problem: &PlacementProblem) -> Vec<usize> {
        let mut rng = problem.rng();
        let mesh = problem.routes.mesh();
        // Every node has a core or none: cores beyond the last are empty places.
        let mut nodes = ZigZag.place(&PlacementProblem { cores: mesh.cores(), ..problem.clone() });
        let mut now = problem.cost(&nodes[..problem.cores]).total;
        let mut best = (now, nodes.clone());
        let hot = (now * HOT).max(f64::MIN_POSITIVE);
        let swappable = problem.cores > 0 && mesh.cores() > 1;
        for step in 0..if swappable { self.steps } else { 0 } {
            let heat = hot * COLD.powf(step as f64 / self.steps as f64);
            let (a, b) = (rng.random_range(0..problem.cores), rng.random_range(0..mesh.cores()));
            nodes.swap(a, b);
            let next = problem.cost(&nodes[..problem.cores]).total;
            if next <= now || rng.random::<f64>() < ((now - next) / heat).exp() {
                now = next;
                if now < best.0 {
                    best = (now, nodes.clone());
                }
            } else {
                nodes.swap(a, b);
            }
        }
        best.1.truncate(problem.cores);
        best.1
    }
}
