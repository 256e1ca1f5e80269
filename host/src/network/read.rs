//! Reads each key of a network file.

use super::{
    Layer, LearningRate, Loss, LossScale, Network, Neuron, Readout, Schedule, Spiking, Training,
};
use crate::encode::EncoderConfig;
use crate::reader::{Problems, Section};
use backspike_arch::num::{Optimizer, Reset};
use std::cell::RefCell;

/// Largest population: the coordinates of a weight have 16 bits each.
const NEURONS_MAX: i64 = 65_536;
/// Largest shift of a learning rate.
const RATE_SHIFT_MAX: i64 = 40;
/// Membranes are below 2^7 in magnitude, so a threshold must leave room under it.
const THRESHOLD_MAX: f64 = 64.0;

pub(super) fn network(text: &str) -> Result<Network, Problems> {
    let table: toml::Table = text
        .parse()
        .map_err(|error| Problems::from(format!("The network file is not valid TOML: {error}")))?;
    let problems = RefCell::new(Problems::default());
    let network = document(Section::root(&table, &problems));
    // A missing part has left its sentence, so the network is complete when there is none.
    problems.into_inner().into_result(())?;
    network.ok_or_else(|| Problems::from("The network file is incomplete.".to_string()))
}

fn document(mut root: Section) -> Option<Network> {
    let name = root.text("name");
    check_name(&root, &name);
    let data = root.has("data").then(|| root.text("data"));
    let steps = root.integer("steps", 1..=255, None) as u32;
    let input = root.section("input").map(input);
    let layers: Vec<Layer> = root.sections("layer").into_iter().map(layer).collect();
    let training = root.section("training").map(training);
    if let Some(training) = &training {
        check_loss(&root, &layers, training);
    }
    root.finish();
    let (input_shape, encoder) = input?;
    Some(Network { name, data, steps, input_shape, encoder: encoder?, layers, training: training? })
}

/// The name becomes a directory below `runs`.
fn check_name(root: &Section, name: &str) {
    let illegal = |c: char| c.is_control() || c == '/' || c == '\\';
    if name.starts_with('.') || name.contains(illegal) {
        root.problem(format!(
            "name is {name:?}, but it becomes the name of a directory: leave out slashes, control characters and dots at the start."
        ));
    }
}

fn input(mut section: Section) -> (Vec<usize>, Option<EncoderConfig>) {
    let shape = section.integers("shape", 1..=NEURONS_MAX);
    let size = shape.iter().try_fold(1i64, |product, side| product.checked_mul(*side));
    if shape.is_empty() || size.is_none_or(|size| size > NEURONS_MAX) {
        section.problem(format!(
            "{} is {shape:?}: give one to several sides whose product is from 1 to {NEURONS_MAX}.",
            section.name("shape")
        ));
    }
    let encoder = section.section("encoder").map(|mut encoder| {
        let config = EncoderConfig::from_toml(&mut encoder);
        encoder.finish();
        config
    });
    section.finish();
    (shape.into_iter().map(|side| side as usize).collect(), encoder)
}

fn layer(mut section: Section) -> Layer {
    section.choice("kind", &[("dense", ())], None);
    let neurons = section.integer("neurons", 1..=NEURONS_MAX, None) as usize;
    let init_gain = section.number("init_gain", 0.0..=64.0, Some(1.0));
    let neuron = match section.section("neuron") {
        Some(section) => neuron(section),
        None => Neuron { leak: None, input_shift: 0, spiking: None },
    };
    section.finish();
    Layer { neurons, neuron, init_gain }
}

fn neuron(mut section: Section) -> Neuron {
    let fires = section.choice("kind", &[("spiking", true), ("readout", false)], None);
    let leak = leak(&mut section);
    let input_shift = -section.power_of_two("input_scale", -15..=0, None) as u8;
    let spiking = fires.then(|| spiking(&mut section));
    section.finish();
    Neuron { leak, input_shift, spiking }
}

fn leak(section: &mut Section) -> Option<u8> {
    let wanted = "\"off\" or k from 1 to 31 for u - (u >> k)";
    match section.value("leak") {
        Some(toml::Value::String(text)) if text == "off" => None,
        Some(toml::Value::Integer(k)) if (1..=31).contains(k) => Some(*k as u8),
        Some(other) => {
            section.problem(format!("{} is {other}: it must be {wanted}.", section.name("leak")));
            None
        }
        None => {
            section.problem(format!("{} is missing: give {wanted}.", section.name("leak")));
            None
        }
    }
}

fn spiking(section: &mut Section) -> Spiking {
    let reset = section.choice(
        "reset",
        &[("hard", Reset::Hard), ("soft", Reset::Soft), ("none", Reset::None)],
        None,
    );
    let order = [("before_leak", true), ("after_leak", false)];
    let reset_before_leak = section.choice("reset_order", &order, None);
    let fire_ge = section.choice("fires_at", &[(">=", true), (">", false)], None);
    let detach_reset = section.boolean("detach_reset", None);
    let threshold = section.number("threshold", 2f64.powi(-24)..=THRESHOLD_MAX, None);
    let (widths, gains) = section.section("surrogate").map(surrogate).unwrap_or_default();
    Spiking { reset, reset_before_leak, fire_ge, detach_reset, threshold, widths, gains }
}

fn surrogate(mut section: Section) -> (Vec<f64>, Vec<i32>) {
    let levels = section.choice("kind", &[("rectangular", false), ("levels", true)], None);
    let range = 2f64.powi(-24)..=THRESHOLD_MAX;
    let (widths, gains) = if levels {
        (section.numbers("widths", range), section.powers_of_two("gains", -8..=7))
    } else {
        let width = section.number("width", range, None);
        (vec![width], vec![section.power_of_two("gain", -8..=7, None)])
    };
    let falling = widths.windows(2).all(|pair| pair[0] > pair[1]);
    if widths.len() != gains.len() || widths.is_empty() || widths.len() > 3 || !falling {
        section.problem(format!(
            "{} has widths {widths:?} and {} gains: give one to three widths, each smaller than the one before, and as many gains.",
            section.name("widths"),
            gains.len()
        ));
    }
    section.finish();
    (widths, gains)
}

fn training(mut section: Section) -> Training {
    let epochs = section.integer("epochs", 1..=100_000, None) as u32;
    let batch = section.integer("batch", 1..=65_536, None) as usize;
    let seed = section.integer("seed", 0..=i64::from(u32::MAX), Some(1)) as u32;
    let entropy = section.choice("loss", &[("cross_entropy", true), ("mse_rate", false)], None);
    let loss = if entropy {
        let readouts = [("mean", Readout::Mean), ("last", Readout::Last)];
        Loss::CrossEntropy(section.choice("readout", &readouts, Some(Readout::Mean)))
    } else {
        Loss::MseRate
    };
    let weight_max_exp = section.power_of_two("weight_max", 0..=3, Some(3)) as u8;
    let gradient_shift = match section.value("gradient_shift") {
        None => None,
        Some(toml::Value::String(text)) if text == "auto" => None,
        Some(_) => Some(section.integer("gradient_shift", 0..=15, None) as u8),
    };
    let (optimizer, b1, b2) =
        section.section("optimizer").map(optimizer).unwrap_or((Optimizer::Lion, 3, 6));
    let learning_rate = section
        .section("learning_rate")
        .map(learning_rate)
        .unwrap_or(LearningRate { shift: 0, schedule: Schedule::Constant });
    let loss_scale = section.optional_section("loss_scale").map(loss_scale).unwrap_or(LossScale {
        start: 0,
        adapt: true,
        interval: 256,
    });
    section.finish();
    Training {
        epochs,
        batch,
        seed,
        loss,
        optimizer,
        b1,
        b2,
        learning_rate,
        loss_scale,
        gradient_shift,
        weight_max_exp,
    }
}

fn optimizer(mut section: Section) -> (Optimizer, u8, u8) {
    let kinds = [("lion", Optimizer::Lion), ("sgd", Optimizer::Sgd)];
    let kind = section.choice("kind", &kinds, None);
    let b1 = section.integer("b1", 0..=15, None) as u8;
    let b2 = match kind {
        Optimizer::Lion => section.integer("b2", 0..=15, None) as u8,
        Optimizer::Sgd => 0,
    };
    section.finish();
    (kind, b1, b2)
}

fn learning_rate(mut section: Section) -> LearningRate {
    let shift = section.integer("shift", 0..=RATE_SHIFT_MAX, None) as u8;
    let kind = section.choice("schedule", &[("constant", 0), ("steps", 1), ("cosine", 2)], Some(0));
    let schedule = match kind {
        1 => {
            let epochs = section.integers("halve_at", 0..=100_000);
            let room = (RATE_SHIFT_MAX - i64::from(shift)) as usize;
            if epochs.len() > room {
                section.problem(format!(
                    "{} halves {} times: from shift {shift} at most {room} times are possible.",
                    section.name("halve_at"),
                    epochs.len()
                ));
            }
            Schedule::Steps(epochs.into_iter().map(|epoch| epoch as u32).collect())
        }
        2 => {
            let last_shift =
                section.integer("last_shift", i64::from(shift)..=RATE_SHIFT_MAX, None) as u8;
            Schedule::Cosine { last_shift }
        }
        _ => Schedule::Constant,
    };
    section.finish();
    LearningRate { shift, schedule }
}

fn loss_scale(mut section: Section) -> LossScale {
    let start = section.integer("start", -8..=16, Some(0)) as i8;
    let adapt = section.boolean("adapt", Some(true));
    let interval = section.integer("interval", 1..=1_000_000, Some(256)) as u32;
    section.finish();
    LossScale { start, adapt, interval }
}

fn check_loss(root: &Section, layers: &[Layer], training: &Training) {
    let Some((last, hidden)) = layers.split_last() else { return };
    for (l, _) in hidden.iter().enumerate().filter(|(_, layer)| layer.neuron.spiking.is_none()) {
        root.problem(format!(
            "layer[{l}].neuron.kind is \"readout\", but layer {l} is not the last: make it \"spiking\"."
        ));
    }
    match (training.loss, &last.neuron.spiking) {
        (Loss::CrossEntropy(_), Some(_)) => root.problem(
            "training.loss is \"cross_entropy\", which reads membranes, but the last layer spikes: make its neuron.kind \
             \"readout\" or the loss \"mse_rate\".",
        ),
        (Loss::MseRate, None) => root.problem(
            "training.loss is \"mse_rate\", which reads spikes, but the last layer is a readout that never spikes: make its \
             neuron.kind \"spiking\" or the loss \"cross_entropy\".",
        ),
        _ => {}
    }
}
