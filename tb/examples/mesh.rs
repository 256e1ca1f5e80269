//! How long a mesh takes to build, and how fast it runs: all cores train a small network at once. Arguments: cores in a row (default
//! 4), rows (5), lanes (16), samples a core (40), threads (1). The build is cached: the first run measures it.

use std::time::Instant;

use backspike_arch::{ArchConfig, MeshConfig};
use backspike_tb::batch::{Step, settle, train_batch};
use backspike_tb::network::{Limits, Network, Sample};
use backspike_tb::program::Placement;
use backspike_tb::{MeshLibrary, Optimize};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<usize>());
    let mut next = |default| arguments.next().transpose().map(|given| given.unwrap_or(default));
    let (width, height, lanes) = (next(4)?, next(5)?, next(16)?);
    let (samples, threads) = (next(40)?, next(1)?);
    let config = ArchConfig::mesh().with_lanes(lanes);
    let mesh = MeshConfig::new(width, height);
    let start = Instant::now();
    let library = MeshLibrary::new(&config, &mesh, Optimize::Full)?.with_threads(threads)?;
    println!("{width} x {height} cores {} of {lanes} lanes, {threads} threads", config.name);
    println!("built (or found) in {:.1} s", start.elapsed().as_secs_f64());

    let device = library.mesh(1);
    let start = Instant::now();
    let trained: Vec<Result<(), String>> = std::thread::scope(|scope| {
        let train = |core: usize| {
            let mut rng = ChaCha8Rng::seed_from_u64(core as u64);
            let limits = Limits { layers: 2, neurons: 100, steps: 4 };
            let network = Network::random(&mut rng, &config, &limits);
            let placement = Placement::new(&config, &network).ok_or("the network does not fit")?;
            let mut core = device.core(core);
            placement.load(&mut core, &network).map_err(|error| error.to_string())?;
            let batch: Vec<Sample> = (0..samples)
                .map(|_| Sample::random(&mut rng, &network, config.error_max_exp as u8))
                .collect();
            let step = Step { rate_shift: 6, scale_shift: 4, key: 1 };
            train_batch(&mut core, &placement, &batch, step).map_err(|error| error.to_string())?;
            settle(&mut core, &placement).map_err(|error| error.to_string())
        };
        let running: Vec<_> =
            (0..mesh.cores()).map(|core| scope.spawn(move || train(core))).collect();
        running
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err("a thread panicked".into())))
            .collect()
    });
    trained.into_iter().collect::<Result<Vec<()>, String>>()?;
    let (cycles, seconds) = (device.cycles(), start.elapsed().as_secs_f64());
    println!("{cycles} cycles, {:.1} kHz", cycles as f64 / seconds / 1e3);
    Ok(())
}
