//! What a timetable promises, for any costs.

use super::*;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Slices of `layers` layers on some cores, with any costs.
fn any(rng: &mut ChaCha8Rng, layers: usize) -> Vec<Vec<SliceCost>> {
    let mut cores = vec![Vec::new(); rng.random_range(1..=6)];
    for layer in 0..layers {
        for _ in 0..rng.random_range(1..=3) {
            let core = rng.random_range(0..cores.len());
            if cores[core].iter().any(|cost: &SliceCost| cost.layer == layer) {
                continue;
            }
            let mut cycles = || rng.random_range(0..300) * rng.random_range(0..10);
            let [forward, backward, gradient, spikes, errors] = [(); 5].map(|()| cycles());
            cores[core].push(SliceCost { layer, forward, backward, gradient, spikes, errors });
        }
    }
    cores
}

#[test]
fn every_time_is_after_what_it_needs() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for layers in (1..12).flat_map(|layers| [layers; 8]) {
        let cores = any(rng, layers);
        let slots = [1, 2, 4, 8, 16, 32][rng.random_range(0..6)];
        let schedule = Schedule::new(&cores, layers, slots);
        let of = |layer: usize, time: fn(&Times) -> usize| -> Vec<usize> {
            let slices = cores
                .iter()
                .zip(&schedule.table.cores)
                .flat_map(|(costs, (times, _))| costs.iter().zip(times));
            slices.filter(|(cost, _)| cost.layer == layer).map(|(_, times)| time(times)).collect()
        };
        let least = |times: Vec<usize>| times.into_iter().min().unwrap();
        let most = |times: Vec<usize>| times.into_iter().max().unwrap();
        for layer in 0..layers {
            assert!(least(of(layer, |t| t.spikes)) > least(of(layer, |t| t.forward)));
            assert!(least(of(layer, |t| t.errors)) > least(of(layer, |t| t.backward)));
            if layer > 0 {
                assert!(least(of(layer, |t| t.forward)) > most(of(layer - 1, |t| t.spikes)));
                assert!(least(of(layer - 1, |t| t.backward)) > most(of(layer, |t| t.errors)));
            }
        }
        assert!(schedule.table.output > most(of(layers - 1, |t| t.spikes)));
        assert!(least(of(layers - 1, |t| t.backward)) > schedule.table.output);
        for (times, free) in &schedule.table.cores {
            assert!(
                times.iter().all(|times| times.errors < *free) && *free < schedule.table.lifetime
            );
        }
        for sample in 0..100 {
            assert!(schedule.start(sample + 1) > schedule.start(sample));
            assert!(schedule.input(sample) <= schedule.start(sample));
            assert!(schedule.input(sample + slots) > schedule.free(sample));
        }
    }
}

#[test]
fn a_core_sends_in_the_order_in_which_it_computes() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for layers in (1..12).flat_map(|layers| [layers; 8]) {
        let cores = any(rng, layers);
        let schedule = Schedule::new(&cores, layers, 8);
        for core in 0..cores.len() {
            let tasks = schedule.tasks(core, 40, true);
            let order = |pick: fn(Task) -> Option<usize>| -> Vec<(usize, usize)> {
                let of = |planned: &Planned| Some((planned.sample, pick(planned.task)?));
                tasks.iter().filter_map(of).collect()
            };
            let forward = order(|task| match task {
                Task::Forward { slice } => Some(slice),
                _ => None,
            });
            let spikes = order(|task| match task {
                Task::SendSpikes { slice } => Some(slice),
                _ => None,
            });
            let backward = order(|task| match task {
                Task::Backward { slice } => Some(slice),
                _ => None,
            });
            let errors = order(|task| match task {
                Task::SendErrors { slice } => Some(slice),
                _ => None,
            });
            assert_eq!(forward, spikes);
            assert_eq!(backward, errors);
        }
    }
}

#[test]
fn no_more_waits_than_is_said() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    for layers in (1..12).flat_map(|layers| [layers; 4]) {
        let cores = any(rng, layers);
        let schedule = Schedule::new(&cores, layers, 16);
        let samples = 100;
        let times =
            (0..samples).flat_map(|n| [schedule.input(n), schedule.output(n), schedule.free(n)]);
        for (core, now) in times.flat_map(|now| (0..cores.len()).map(move |core| (core, now))) {
            let mut waiting = std::collections::BTreeMap::new();
            let ended = now >= schedule.output(samples - 1);
            for planned in schedule.tasks(core, samples, true) {
                let forward =
                    matches!(planned.task, Task::Forward { .. } | Task::SendSpikes { .. });
                let known = if forward {
                    schedule.output(planned.sample)
                } else {
                    schedule.free(planned.sample)
                };
                if (ended || planned.time <= schedule.ahead(now)) && known > now {
                    *waiting.entry(planned.task).or_insert(0) += 1;
                }
            }
            for (task, count) in waiting {
                assert!(count <= schedule.waiting(core, task), "{task:?}: {count}");
            }
        }
    }
}
