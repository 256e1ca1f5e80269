//! Layers by their sizes alone, operators of the core or not.

use crate::network::Network;

/// One layer of weights and the neurons behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerShape {
    pub name: String,
    /// Numbers that enter, of one sample and step.
    pub inputs: u64,
    /// Neurons, of one sample.
    pub outputs: u64,
    pub weights: u64,
    /// Multiplications of a weight and an input, of one sample and step.
    pub products: u64,
    /// Bits of an input: 1 for spikes.
    pub input_bits: u64,
    /// Neurons whose spikes are added to this layer's before the next one: a shortcut.
    pub shortcut: bool,
    /// Whether a core has the operator.
    pub supported: bool,
}

impl LayerShape {
    /// Every input to every output.
    pub fn dense(name: &str, inputs: u64, outputs: u64) -> Self {
        let weights = inputs * outputs;
        Self {
            name: name.to_owned(),
            inputs,
            outputs,
            weights,
            products: weights,
            input_bits: 1,
            shortcut: false,
            supported: true,
        }
    }
}

/// A network by its layers' sizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shapes {
    pub name: String,
    pub layers: Vec<LayerShape>,
    /// Time steps.
    pub steps: u64,
    /// Samples of a weight update.
    pub batch: u64,
}

/// Pixels of a CIFAR image's side and its colours.
const SIDE: u64 = 32;
const COLOURS: u64 = 3;
/// Bits of a pixel.
const PIXEL_BITS: u64 = 8;
const CLASSES: u64 = 10;

/// Adds layers, keeping track of channels and side of the feature map.
struct Builder {
    layers: Vec<LayerShape>,
    channels: u64,
    side: u64,
}

impl Builder {
    fn new() -> Self {
        Self { layers: Vec::new(), channels: COLOURS, side: SIDE }
    }

    /// A convolution of `kernel` x `kernel` with "same" padding from `channels` x `side` x `side`.
    fn conv(&mut self, name: &str, from: (u64, u64), out: u64, kernel: u64, stride: u64) {
        let (channels, side) = from;
        let (inputs, out_side) = (channels * side * side, side / stride);
        let weights = channels * kernel * kernel * out;
        let input_bits = if self.layers.is_empty() { PIXEL_BITS } else { 1 };
        self.layers.push(LayerShape {
            name: name.to_owned(),
            inputs,
            outputs: out * out_side * out_side,
            weights,
            products: weights * out_side * out_side,
            input_bits,
            shortcut: false,
            supported: false,
        });
        (self.channels, self.side) = (out, out_side);
    }

    fn build(self, name: &str, batch: u64, steps: u64) -> Shapes {
        Shapes { name: name.to_owned(), layers: self.layers, steps, batch }
    }
}

impl Shapes {
    /// Spiking ResNet-18 on 32 x 32 images: ResNet-18's layers (He et al. 2016, table 1) with the 3 x 3 stem of CIFAR and no first pooling,
    /// a neuron after every convolution, shortcuts of 1 x 1 where sizes change.
    pub fn sresnet18(batch: u64, steps: u64) -> Self {
        let mut net = Builder::new();
        net.conv("conv1", (COLOURS, SIDE), 64, 3, 1);
        for (stage, channels) in [64, 128, 256, 512].into_iter().enumerate() {
            for block in 0..2 {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                let name = |part: &str| format!("conv{}_{}{part}", stage + 2, block + 1);
                let entry = (net.channels, net.side);
                net.conv(&name("a"), entry, channels, 3, stride);
                let middle = (net.channels, net.side);
                net.conv(&name("b"), middle, channels, 3, 1);
                if stride == 2 {
                    net.conv(&name("s"), entry, channels, 1, 2);
                }
                if let Some(last) = net.layers.last_mut() {
                    last.shortcut = true;
                }
            }
        }
        let channels = net.channels;
        net.layers.push(LayerShape::dense("fc", channels, CLASSES));
        net.build("S-ResNet-18", batch, steps)
    }

    /// Spiking VGG-16 on 32 x 32 images: configuration D (Simonyan and Zisserman 2015) with one dense layer, as is usual for CIFAR.
    pub fn svgg16(batch: u64, steps: u64) -> Self {
        let mut net = Builder::new();
        for (stage, (channels, convs)) in
            [(64, 2), (128, 2), (256, 3), (512, 3), (512, 3)].into_iter().enumerate()
        {
            for conv in 0..convs {
                let from = (net.channels, net.side);
                net.conv(&format!("conv{}_{}", stage + 1, conv + 1), from, channels, 3, 1);
            }
            net.side /= 2;
        }
        let channels = net.channels;
        net.layers.push(LayerShape::dense("fc", channels, CLASSES));
        net.build("S-VGG-16", batch, steps)
    }

    /// The layers of a network file.
    pub fn of(network: &Network) -> Self {
        let layers = network.layers.iter().enumerate().map(|(l, layer)| {
            let (inputs, outputs) = (network.fan_in(l) as u64, layer.neurons as u64);
            LayerShape::dense(&Network::layer_name(l), inputs, outputs)
        });
        Self {
            name: network.name.clone(),
            layers: layers.collect(),
            steps: network.steps as u64,
            batch: network.training.batch as u64,
        }
    }

    /// Weights of all layers.
    pub fn weights(&self) -> u64 {
        self.layers.iter().map(|layer| layer.weights).sum()
    }

    /// Multiply-accumulates of a dense training step: forward, to the inputs of all layers but the first, and to the weights.
    pub fn dense_products(&self) -> u64 {
        let products = self.layers.iter().map(|layer| layer.products);
        let first = self.layers.first().map_or(0, |layer| layer.products);
        (3 * products.sum::<u64>() - first) * self.batch * self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_networks_have_their_known_sizes() {
        let resnet = Shapes::sresnet18(16, 4);
        // 11,173,962 parameters in the usual count, of which 9,600 are of the normalisation and 10 biases.
        assert_eq!(resnet.weights(), 11_164_352);
        assert_eq!(resnet.layers.len(), 21);
        // 0.56 G multiply-accumulates a forward pass.
        let forward: u64 = resnet.layers.iter().map(|layer| layer.products).sum();
        assert_eq!(forward, 555_422_720);
        let vgg = Shapes::svgg16(16, 4);
        assert_eq!(vgg.weights(), 14_715_584);
        assert_eq!(vgg.layers.iter().map(|layer| layer.products).sum::<u64>(), 313_201_664);
    }
}
